import { existsSync, mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { readModel } from '@qwenfleet/runtime/model/read';
import { pull } from '@qwenfleet/runtime/source/pull';
import { checkpointFolder } from '../../harness/checkpoints.ts';
import { writeQuantisedGguf } from '../../harness/quantised-gguf.ts';
import { writeRandomCheckpoint } from '../../harness/random-checkpoint.ts';
import { demoWeights } from '../../harness/small-pool.ts';

/** The demo's weights; weights at random in the shape of Qwen3-0.6B; a checkpoint of the fixtures, for tests. */
export const modelNames = ['smollm2-135m', 'qwen3-0.6b', 'tiny'] as const;
export type ModelName = (typeof modelNames)[number];
/** Those that both engines have in the same quality: 8 or 4 bits in blocks of 32. */
export const comparedQuantizations = ['int8', 'int4'] as const satisfies readonly Quantization[];
export type ComparedQuantization = (typeof comparedQuantizations)[number];

/** One model in the files that each engine reads. */
export type BenchModel = { vocabularySize: number; files: { qwenfleet: string; llama: string } };

const blocks = { int8: 'Q8_0', int4: 'Q4_0' } as const;

/** Pulls or writes a model's files unless they are in the cache. Throws what a pull does. */
export async function benchModel(
  name: ModelName,
  quantization: ComparedQuantization,
  cacheDir: string,
): Promise<BenchModel> {
  const own = await ownFile(name, cacheDir);
  const model = readModel(own);
  const llama = fileOnce(path.join(cacheDir, `${name}-${blocks[quantization]}.gguf`), (file) =>
    writeQuantisedGguf(model, blocks[quantization], file),
  );
  if (model.description.kind !== 'decoder') throw new Error(`${name} is no decoder`);
  return { vocabularySize: model.description.vocabularySize, files: { qwenfleet: own, llama } };
}

export async function ownFile(name: ModelName, cacheDir: string): Promise<string> {
  if (name === 'tiny') return checkpointFolder('qwen3');
  if (name === 'smollm2-135m') return pull(demoWeights, readSourceConfig(cacheDir));
  return fileOnce(path.join(cacheDir, name), (folder) => writeRandomCheckpoint(folder, name));
}

/** Makes a file or a folder under another name first, so that one that is there is whole. */
function fileOnce(file: string, make: (partial: string) => void): string {
  if (existsSync(file)) return file;
  mkdirSync(path.dirname(file), { recursive: true });
  const partial = `${file}.partial-${process.pid}`;
  make(partial);
  renameSync(partial, file);
  return file;
}
