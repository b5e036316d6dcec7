import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { Generator, StepRow } from '@qwenfleet/runtime/backend/backend';
import { withMerged } from '@qwenfleet/runtime/model/adapter/merge';
import { readAdapter } from '@qwenfleet/runtime/model/adapter/read-adapter';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { checkpointFolder } from './checkpoints.ts';

export type OpenOptions = {
  quantization?: Quantization;
  cacheDir: string;
  slots?: number;
  adapters?: { places: number; rankMax: number };
  merge?: readonly string[];
};

/** A tiny checkpoint, or another folder, with places for adapters or with some merged in. */
export async function openAdapted(
  checkpoint: string,
  { quantization = 'float32', cacheDir, slots = 4, adapters, merge = [] }: OpenOptions,
): Promise<Generator> {
  const location = checkpoint.includes('/') ? checkpoint : checkpointFolder(checkpoint);
  const options = { slots, slotTokens: 64, threads: 2, quantization, cacheDir, adapters };
  const loaded = await loadModel(withMerged(readModel(location), merge), options);
  if (loaded.kind !== 'generator') throw new Error(`${checkpoint} is no generator`);
  return loaded;
}

/** Writes adapters to places 1 and up. */
export async function placeAll(model: Generator, checkpoint: string, folders: readonly string[]): Promise<void> {
  const { description } = readModel(checkpointFolder(checkpoint));
  if (description.kind !== 'decoder') throw new Error(`${checkpoint} is no decoder`);
  for (const [at, folder] of folders.entries())
    await model.adapters?.write(at + 1, readAdapter(folder, description).matrices());
}

/** Logits after a prompt alone, then after a next token, one row for each. */
export async function answersOf(
  model: Generator,
  tokens: readonly number[],
  next: number,
  { slot = 0, adapter }: { slot?: number; adapter?: number } = {},
): Promise<Float32Array[]> {
  const row = (given: StepRow): Promise<Float32Array> =>
    model.step({ firstSlot: slot, rows: [{ ...given, adapter }], wantLogits: true });
  return [(await row({ tokens, past: 0 })).slice(), (await row({ tokens: [next], past: tokens.length })).slice()];
}

/** The largest difference between two lists of rows. */
export function farthest(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return a.reduce(
    (worst, row, index) =>
      row.reduce((most, value, at) => Math.max(most, Math.abs(value - (b[index]?.[at] ?? Number.NaN))), worst),
    0,
  );
}
