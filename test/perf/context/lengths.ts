// One model in a process of its own: how fast it is with so much in its cache, and the most memory it ever takes.
// Its argument is what to measure, as JSON; it prints what it found, as JSON.
import type { KvCacheDtype, Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { StepRow } from '@qwenfleet/runtime/backend/backend';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { median } from '../../harness/statistics.ts';

export type LengthsTask = {
  /** Folder of a checkpoint. */
  model: string;
  quantization: Quantization;
  kvCacheDtype: KvCacheDtype;
  threads: number;
  /** Tokens of a prompt that one run computes. */
  chunkTokens: number;
  /** Ascending; each at least as long as a chunk. */
  lengths: readonly number[];
  rounds: number;
  cacheDir: string;
};

/** Figures of one length. */
export type AtLength = {
  tokens: number;
  /** Of the last chunk of a prompt of this length. */
  prefillTokensPerSecond: number;
  /** Of an answer that follows it. */
  decodeTokensPerSecond: number;
};

export type LengthsFound = {
  lengths: AtLength[];
  /** As the kernel counts it: weights, cache and scratch, and what Node.js takes. */
  memoryMb: number;
  /** Of that, the cache of the longest. */
  cacheMb: number;
};

const mb = 1e6;
const valueBytes = { float32: 4, int8: 1 } as const;
/** In this slot nothing is ever computed. */
const emptySlot = 1;

// Written by the bench itself.
const task = JSON.parse(process.argv[2] ?? '') as LengthsTask;
process.stdout.write(JSON.stringify(await measure(task)));

async function measure({
  model: folder,
  chunkTokens,
  rounds,
  lengths: asked,
  ...options
}: LengthsTask): Promise<LengthsFound> {
  const model = readModel(folder);
  const { description } = model;
  if (description.kind !== 'decoder') throw new Error(`${folder} is no decoder`);
  const longest = Math.max(...asked);
  const generator = await loadModel(model, { ...options, slots: 2, slotTokens: longest + rounds });
  if (generator.kind !== 'generator') throw new Error(`${folder} is no generator`);
  /** The median of the rounds, in milliseconds; one more before them is not counted. */
  const timed = async (rowOf: (round: number) => StepRow): Promise<number> => {
    const ms: number[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const row = rowOf(Math.max(0, round));
      const startedMs = performance.now();
      await generator.step({ firstSlot: 0, rows: [row], wantLogits: true });
      if (round >= 0) ms.push(performance.now() - startedMs);
    }
    return median(ms);
  };
  const chunk = Array.from({ length: chunkTokens }, (_, at) => (at * 977 + 5) % generator.vocabularySize);
  const lengths: AtLength[] = [];
  for (const tokens of asked) {
    const past = tokens - chunkTokens;
    // What lies before the chunk is zeros, in memory that is taken as if it had been computed: neither time nor memory
    // goes by what the values are.
    generator.copySlot(emptySlot, 0, past);
    const prefillMs = await timed(() => ({ tokens: chunk, past }));
    const decodeMs = await timed((round) => ({ tokens: [round], past: tokens + round }));
    const [prefillTokensPerSecond, decodeTokensPerSecond] = [(chunkTokens / prefillMs) * 1000, 1000 / decodeMs];
    lengths.push({ tokens, prefillTokensPerSecond, decodeTokensPerSecond });
  }
  const { layers, keyValueHeads, headSize } = description;
  const cacheMb = (2 * layers * keyValueHeads * headSize * valueBytes[options.kvCacheDtype] * longest) / mb;
  // The kernel counts kilobytes of 1,024.
  const memoryMb = (process.resourceUsage().maxRSS * 1024) / mb;
  await generator.release();
  return { lengths, memoryMb, cacheMb };
}
