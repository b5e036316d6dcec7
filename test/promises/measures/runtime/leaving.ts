import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { checkpointFolder } from '../../../harness/checkpoints.ts';
import { readersWhoLeave, shape, type Left } from '../../../harness/leaving-readers.ts';
import type { Measurement } from '../../promise.ts';

const seed = 1;
const disconnects = 1_000;

let found: Promise<Left> | undefined;
/** Both promises are about the same readers. */
const once = (): Promise<Left> => (found ??= measured());

/** On real steps of a tiny model: what counts is their order. */
async function measured(): Promise<Left> {
  const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-leaving-'));
  try {
    const options = { ...shape, threads: 1, quantization: 'float32', cacheDir } as const;
    const generator = (await loadModel(readModel(checkpointFolder('qwen2')), options)) as Generator;
    const left = await readersWhoLeave(generator, seed, disconnects);
    await generator.release();
    return left;
  } finally {
    rmSync(cacheDir, { recursive: true, force: true });
  }
}

/** Tokens drawn for readers who had left. */
export async function ghostTokens(): Promise<Measurement> {
  const { ghosts, left, unread, preempted } = await once();
  const details = `${left} left; ${Math.max(0, unread)} sequences began a step unread; ${preempted} gave up their slot in between`;
  return { value: ghosts, details };
}

/** Steps between two tokens of one who stays beside them. */
export async function gapSteps(): Promise<Measurement> {
  const { longestGap, answers, otherAnswers } = await once();
  return { value: longestGap, details: `over ${answers} answers, ${otherAnswers} of them other than alone` };
}
