import { existsSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { readBounded } from '../bounded-file.ts';
import { parseBounded } from '../bounded-json.ts';
import type { Graph } from './onnx/graph.ts';

/** How the hidden states of a text's tokens make one vector: their mean, or that of the first or last token. */
export const poolings = ['mean', 'first', 'last'] as const;
export type Pooling = (typeof poolings)[number];

/** Adds it: `rows` is [S, hidden], `embedding` becomes [hidden], of length 1 when the model says so. */
export function addPooling(
  graph: Graph,
  rows: string,
  embedding: string,
  { pooling, normalize }: { pooling: Pooling; normalize: boolean },
): void {
  const pooled = normalize ? 'pooled' : embedding;
  if (pooling === 'mean') graph.node('ReduceMean', [rows, graph.int64s('token_axis', [0])], [pooled], { keepdims: 0 });
  else {
    const at = graph.constant(
      'pooled_row',
      'int64',
      [],
      new Uint8Array(BigInt64Array.of(pooling === 'last' ? -1n : 0n).buffer),
    );
    graph.node('Gather', [rows, at], [pooled], { axis: 0 });
  }
  if (normalize) graph.node('LpNormalization', [pooled], [embedding], { axis: -1, p: 2 });
}

/** What a checkpoint says of its vectors, as settings; undefined when it says nothing, as those that make text do. */
export type PoolingSettings = { pooling?: string; normalize_embeddings: boolean };

const fileBytesMax = 1024 * 1024;
/** sentence-transformers, models/Pooling.py. */
const modes: Readonly<Record<string, Pooling>> = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_cls_token: 'first',
  pooling_mode_lasttoken: 'last',
};

/** Reads modules.json and 1_Pooling/config.json of sentence-transformers. Throws `invalid_model`, `unsupported_model`. */
export function folderPooling(folder: string): PoolingSettings | undefined {
  const modules = read(folder, 'modules.json');
  if (modules === undefined) return undefined;
  const normalize = JSON.stringify(modules).includes('.Normalize');
  const config = read(folder, '1_Pooling/config.json');
  if (typeof config !== 'object' || config === null) return { normalize_embeddings: normalize };
  const given = Object.entries(config).flatMap(([name, on]) =>
    name.startsWith('pooling_mode_') && on === true ? name : [],
  );
  const pooling = given.length === 1 ? modes[given[0] ?? ''] : undefined;
  if (pooling !== undefined) return { pooling, normalize_embeddings: normalize };
  throw new FleetError(
    'unsupported_model',
    `1_Pooling/config.json asks for ${given.join(' and ') || 'no pooling'}; one of ${Object.keys(modes).join(', ')} is supported.`,
    { param: 'pooling_mode' },
  );
}

/** llama.cpp, enum llama_pooling_type. Its vectors have length 1. */
export function ggufPooling(type: unknown): PoolingSettings | undefined {
  if (type === undefined || type === 0) return undefined;
  const pooling = (['mean', 'first', 'last'] as const)[Number(type) - 1];
  if (pooling !== undefined) return { pooling, normalize_embeddings: true };
  throw new FleetError('unsupported_model', `pooling_type is ${JSON.stringify(type)}; 1, 2 and 3 are supported.`, {
    param: 'pooling_type',
  });
}

function read(folder: string, name: string): unknown {
  const file = path.join(folder, name);
  if (!existsSync(file)) return undefined;
  return parseBounded(readBounded(file, name, fileBytesMax), name);
}
