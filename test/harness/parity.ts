import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { Encoder, Generator } from '@qwenfleet/runtime/backend/backend';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { checkpointFolder, checkpoints, referencesOf } from './checkpoints.ts';

/** Checkpoints of the fixtures that make text: a new one is measured by lying there. */
export const decoderCheckpoints: readonly string[] = checkpoints().filter((name) => taskOf(name) === 'generate');
/** Those that make vectors. */
export const encoderCheckpoints: readonly string[] = checkpoints().filter((name) => taskOf(name) === 'embed');

function taskOf(name: string): string {
  return readModel(checkpointFolder(name)).task;
}

const options = { slots: 2, slotTokens: 128, threads: 2 };

/** A checkpoint of the fixtures in memory; its graph is built below `cacheDir`. */
export const openDecoder = (family: string, quantization: Quantization, cacheDir: string): Promise<Generator> =>
  openDecoderAt(checkpointFolder(family), quantization, cacheDir);

export async function openDecoderAt(
  location: string,
  quantization: Quantization,
  cacheDir: string,
): Promise<Generator> {
  const loaded = await loadModel(readModel(location), { ...options, quantization, cacheDir });
  if (loaded.kind !== 'generator') throw new Error(`${location} is no generator`);
  return loaded;
}

export async function openEncoder(
  family: string,
  cacheDir: string,
  quantization: Quantization = 'float32',
): Promise<Encoder> {
  const model = readModel(checkpointFolder(family));
  const loaded = await loadModel(model, { ...options, quantization, cacheDir });
  if (loaded.kind !== 'encoder') throw new Error(`${family} is no encoder`);
  return loaded;
}

/** Logits of the last of these tokens, from nothing. */
export const logitsOf = async (model: Generator, tokens: readonly number[]): Promise<Float32Array> =>
  (await model.step({ firstSlot: 0, rows: [{ tokens, past: 0 }], wantLogits: true })).slice();

/** Largest difference of a logit from what transformers computed, over every prompt and position of the reference. */
export async function largestLogitDifference(model: Generator, family: string): Promise<number> {
  let largest = 0;
  for (const { tokens, positions, logits } of referencesOf(family)) {
    for (const [index, position] of positions.entries()) {
      const own = await logitsOf(model, tokens.slice(0, position + 1));
      largest = Math.max(largest, largestDifference(logits[index] ?? [], own));
    }
  }
  return largest;
}

/** The same of an encoder's vectors. */
export async function largestVectorDifference(encoder: Encoder, family: string): Promise<number> {
  // Written by test/fixtures/models/make.py.
  const { prompts } = JSON.parse(readFileSync(path.join(checkpointFolder(family), 'expected.json'), 'utf8')) as {
    prompts: { tokens: number[]; vector: number[] }[];
  };
  const vectors = await encoder.encode(prompts.map(({ tokens }) => tokens));
  return Math.max(...prompts.map(({ vector }, row) => largestDifference(vector, vectors[row] ?? new Float32Array())));
}

/** Of as many values as are wanted; a value that is not there differs without bound. */
export function largestDifference(wanted: readonly number[], got: Float32Array): number {
  return wanted.reduce((largest, value, at) => {
    const found = got[at];
    return found === undefined || Number.isNaN(found) ? Infinity : Math.max(largest, Math.abs(found - value));
  }, 0);
}
