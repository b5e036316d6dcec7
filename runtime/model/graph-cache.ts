import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { KvCacheDtype, Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadProgress } from '../backend/backend.ts';
import { notedSha256 } from '../source/digest.ts';
import { withLock } from '../source/lock.ts';
import { buildGraph, graphFileName } from './build-graph.ts';
import { buildOnThread } from './build-on-thread.ts';
import type { OpenModel } from './read.ts';

/** Changes whenever the same weights would give another graph, so that graphs in the cache are not reused. */
const builderVersion = 4;
/** Smaller checkpoints are built in less time than a thread takes to start. */
const threadFromBytes = 32 * 1024 * 1024;
/** Where a model answers, its streams would wait for that time: only what takes a few milliseconds is built at once. */
const threadBesideFromBytes = 1024 * 1024;

export type GraphOptions = {
  quantization: Quantization;
  contextLength: number;
  /** Of a decoder: whether its sequences may have adapters. */
  adapters?: boolean | undefined;
  /** Of a decoder: what its keys and values are kept as. */
  kvCacheDtype?: KvCacheDtype | undefined;
};

/** Hex sha256 over the weights files, whatever their names are and wherever they lie. */
export async function weightsDigest(
  { weightsFiles }: Pick<OpenModel, 'weightsFiles'>,
  cacheDir: string,
): Promise<string> {
  const digests: string[] = [];
  for (const file of weightsFiles) digests.push(await notedSha256(file, cacheDir));
  return digests.length === 1 && digests[0] !== undefined
    ? digests[0]
    : createHash('sha256').update(digests.join('\n')).digest('hex');
}

/** The name of a graph's folder: another one for everything that makes another graph, and for nothing else. */
export function graphKey(
  { family, description, packing }: Pick<OpenModel, 'family' | 'description' | 'packing'>,
  { quantization, contextLength, adapters = false, kvCacheDtype = 'float32' }: GraphOptions,
  digest: string,
): string {
  const { kind } = description;
  // A decoder's tables reach as far as the pool wants; an encoder runs in float32, over the positions that it has.
  const decides =
    kind === 'encoder'
      ? { ...description, quantization: 'float32' }
      : {
          ...description,
          contextLength,
          quantization,
          ...(adapters ? { adapters } : {}),
          ...(kind === 'decoder' && kvCacheDtype !== 'float32' ? { kvCacheDtype } : {}),
          ...(packing ? { packing } : {}),
        };
  const sorted = Object.entries(decides).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256').update(JSON.stringify({ builderVersion, digest, sorted })).digest('hex');
  const label = kind === 'encoder' ? kind : `${quantization}-${contextLength}`;
  return `${family}-${label}-${hash.slice(0, 16)}`;
}

/**
 * The folder with the model's graph, built now or at an earlier start. A build takes place in a folder of its own that
 * is renamed when it is whole, so that a killed build leaves nothing behind that looks finished; the next one to build
 * the same clears it away. Throws what the builder does, and `engine_failed` when there is no room on the disk.
 */
export async function cachedGraph(
  model: OpenModel,
  options: GraphOptions & {
    cacheDir: string;
    /** A model answers meanwhile. */
    beside?: boolean | undefined;
    signal?: AbortSignal | undefined;
    onProgress?: LoadProgress | undefined;
  },
): Promise<string> {
  const { cacheDir, beside = false, signal } = options;
  const key = graphKey(model, options, await weightsDigest(model, cacheDir));
  const folder = path.join(cacheDir, 'graphs', key);
  const built = (): boolean => existsSync(path.join(folder, graphFileName));
  if (built()) return folder;
  await withLock(`${folder}.lock`, signal, async () => {
    if (built()) return;
    const partial = path.join(cacheDir, 'graphs', `.building-${key}`);
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    try {
      const bytes = model.weightsFiles.reduce((sum, file) => sum + statSync(file).size, 0);
      if (bytes < (beside ? threadBesideFromBytes : threadFromBytes)) buildGraph(model, partial, options);
      else await buildOnThread(model, partial, { ...options, givesWay: beside });
      renameSync(partial, folder);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw error;
    }
  });
  return folder;
}
