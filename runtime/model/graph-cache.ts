import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadProgress } from '../backend/backend.ts';
import { decoderGraph } from './decoder-graph.ts';
import { encoderGraph } from './encoder-graph.ts';
import { DataFile } from './onnx/data-file.ts';
import type { OpenModel } from './read.ts';

export const graphFileName = 'model.onnx';
const dataFileName = 'model.onnx.data';

/** Room that a build may need at most: float32 weights and a margin. */
const bytesPerParameter = 4.5;

/**
 * The folder with the model's graph, built now or at an earlier start. A build takes place in a folder of its own that
 * is renamed when it is whole, so that a killed build leaves nothing behind that looks finished, and two at once do not
 * disturb each other.
 */
export function builtGraph(
  model: OpenModel,
  options: { quantization: Quantization; contextLength: number; cacheDir: string; onProgress?: LoadProgress },
): string {
  const graphs = path.join(options.cacheDir, 'graphs');
  const kind = model.task === 'embed' ? 'encoder' : `${options.quantization}-${options.contextLength}`;
  const folder = path.join(graphs, `${model.family}-${kind}-${model.contentHash.slice(0, 16)}`);
  if (existsSync(path.join(folder, graphFileName))) return folder;
  mkdirSync(graphs, { recursive: true });
  const partial = mkdtempSync(path.join(graphs, '.building-'));
  try {
    build(model, partial, options);
    publish(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

function build(model: OpenModel, folder: string, options: Parameters<typeof builtGraph>[1]): void {
  const weights = model.openWeights();
  try {
    checkRoom(
      folder,
      [...weights.tensors.values()].reduce((sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0),
    );
    const data = new DataFile(path.join(folder, dataFileName));
    const { description } = model;
    const onLayer = (done: number, total: number): void => options.onProgress?.('building the graph', done, total);
    const graph =
      description.kind === 'decoder'
        ? decoderGraph(description, weights, data, { ...options, dataFileName, onLayer })
        : encoderGraph(description, weights, data, dataFileName);
    data.close();
    writeFileSync(path.join(folder, graphFileName), graph.serialize());
  } finally {
    weights.close();
  }
}

function publish(partial: string, folder: string): void {
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another process was first; its graph is the same.
    if (!existsSync(path.join(folder, graphFileName))) throw error;
    rmSync(partial, { recursive: true, force: true });
  }
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

/** Bytes of a built graph, for people. */
export const graphBytes = (folder: string): number =>
  statSync(path.join(folder, dataFileName)).size + statSync(path.join(folder, graphFileName)).size;
