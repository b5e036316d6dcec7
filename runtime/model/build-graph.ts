import { statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import type { KvCacheDtype, Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadProgress } from '../backend/backend.ts';
import { decoderGraph } from './decoder-graph.ts';
import { embedderGraph } from './embedder-graph.ts';
import { encoderGraph } from './encoder-graph.ts';
import { DataFile } from './onnx/data-file.ts';
import type { Graph } from './onnx/graph.ts';
import type { OpenModel } from './read.ts';
import type { Weights } from './weights/weights.ts';

export const graphFileName = 'model.onnx';
export const dataFileName = 'model.onnx.data';

/** Room that a build may need at most: float32 weights and a margin. */
const bytesPerParameter = 4.5;

export type BuildOptions = {
  quantization: Quantization;
  contextLength: number;
  /** Of a decoder: whether its sequences may have adapters. */
  adapters?: boolean | undefined;
  kvCacheDtype?: KvCacheDtype | undefined;
  onProgress?: LoadProgress | undefined;
};

/** Writes a model's graph and its weights to a folder. Takes minutes for a large model, and the thread with it. */
export function buildGraph(model: OpenModel, folder: string, options: BuildOptions): void {
  const weights = model.openWeights();
  try {
    const parameters = [...weights.tensors.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1));
    checkRoom(
      folder,
      parameters.reduce((sum, count) => sum + count, 0),
    );
    const data = new DataFile(path.join(folder, dataFileName));
    try {
      writeFileSync(path.join(folder, graphFileName), graphOf(model, weights, data, options).serialize());
    } finally {
      data.close();
    }
  } finally {
    weights.close();
  }
}

function graphOf({ description }: OpenModel, weights: Weights, data: DataFile, options: BuildOptions): Graph {
  if (description.kind === 'encoder') return encoderGraph(description, weights, data, dataFileName);
  const onLayer = (done: number, total: number): void => options.onProgress?.('building the graph', done, total);
  const given = { ...options, dataFileName, onLayer };
  return description.kind === 'embedder'
    ? embedderGraph(description, weights, data, given)
    : decoderGraph(description, weights, data, given);
}

function checkRoom(folder: string, parameters: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const wanted = parameters * bytesPerParameter;
  if (bavail * bsize > wanted) return;
  throw new FleetError(
    'engine_failed',
    `Building this model's graph may need ${Math.ceil(wanted / 2 ** 20)} MiB of disk, and ${Math.floor((bavail * bsize) / 2 ** 20)} MiB are free. Free some, or move the cache with QWENFLEET_CACHE.`,
  );
}
