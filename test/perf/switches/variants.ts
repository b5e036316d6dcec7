import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OrtGenerator } from '@qwenfleet/runtime/backend/ort/generator';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { dataFileName, graphFileName } from '@qwenfleet/runtime/model/build-graph';
import { decoderGraph, decoderNames } from '@qwenfleet/runtime/model/decoder-graph';
import { Graph } from '@qwenfleet/runtime/model/onnx/graph';
import { DataFile } from '@qwenfleet/runtime/model/onnx/data-file';
import type { OpenModel } from '@qwenfleet/runtime/model/read';
import { PlainGraph } from './plain-graph.ts';

/** One way to run a model. */
export type Variant = { fused: boolean; slots: number; quantization: Quantization; threads: number };

/** A program that follows the book: one request at a time, one operator at a time, one core, weights as they were trained. */
export const naive = { fused: false, slots: 1, quantization: 'float32', threads: 1 } as const satisfies Variant;

/** What the engine does about each of the four, alone and together. */
export function variantsOf({ slots, quantization, threads }: Omit<Variant, 'fused'>): Record<string, Variant> {
  return {
    naive,
    'fused operators': { ...naive, fused: true },
    'continuous batching': { ...naive, slots },
    [`${quantization} weights`]: { ...naive, quantization },
    [`${threads} threads`]: { ...naive, threads },
    'all together': { fused: true, slots, quantization, threads },
  };
}

/** A model in memory in one of these ways; its graph is kept below `cacheDir`. */
export async function openVariant(
  model: OpenModel,
  variant: Variant,
  { slotTokens, cacheDir }: { slotTokens: number; cacheDir: string },
): Promise<OrtGenerator> {
  const { description } = model;
  if (description.kind !== 'decoder') throw new Error('this bench is of decoders');
  const { fused, slots, quantization, threads } = variant;
  const folder = path.join(cacheDir, `${fused ? 'fused' : 'plain'}-${quantization}-${slotTokens}`);
  if (!existsSync(folder)) build(model, fused, quantization, slotTokens, folder);
  const shape = { ...description, sites: [] };
  return OrtGenerator.open(path.join(folder, graphFileName), shape, decoderNames, { slots, slotTokens, threads });
}

function build(model: OpenModel, fused: boolean, quantization: Quantization, slotTokens: number, folder: string): void {
  const { description } = model;
  if (description.kind !== 'decoder') return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const weights = model.openWeights();
  const data = new DataFile(path.join(partial, dataFileName));
  const graph = fused ? new Graph('decoder', dataFileName) : new PlainGraph(description, dataFileName);
  const options = { quantization, contextLength: slotTokens, dataFileName };
  try {
    writeFileSync(
      path.join(partial, graphFileName),
      decoderGraph(description, weights, data, options, graph).serialize(),
    );
  } finally {
    data.close();
    weights.close();
  }
  renameSync(partial, folder);
}
