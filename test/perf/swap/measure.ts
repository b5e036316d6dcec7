import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runtimeStatusSchema, type RuntimeStatus } from '@qwenfleet/core/load/status';
import { post } from '../../harness/chat.ts';
import { eventually } from '../../harness/fleet.ts';
import { eightPrompts } from '../../harness/prompts.ts';
import { usageOf } from '../../harness/processes.ts';
import { startRuntime, type RunningRuntime } from '../../harness/runtime-process.ts';
import { EightStreams } from './streams.ts';
import { versionsOf, type SwapModel } from './weights.ts';

export type SwapOptions = { model: SwapModel; tokensMax: number; cacheDir: string };

export type SwapReport = {
  model: SwapModel;
  /** From asking for the new weights until the old ones are out of memory. */
  swapSeconds: number;
  /** What the runtime did meanwhile, as its status told, and the longest gap that ended in it. */
  phases: (Phase & { longestGapMs: number })[];
  /** The longest time between two pieces of one answer: during the swap, and in as long a time before it. */
  longestGapMs: { before: number; during: number };
  answers: number;
  failed: string[];
  /** Answers that neither the old weights nor the new ones give alone. */
  wrong: number;
  /** Answers of the old weights and of the new ones. */
  of: { old: number; new: number };
  residentBytes: { before: number; after: number };
};

export type Phase = { name: string; startMs: number; endMs: number };

const swapWithinMs = 300_000;
const restMs = 3_000;
/** Between two looks at what the runtime does. */
const lookMs = 20;

/**
 * Loads a second model under eight streams to learn how long that takes, lets the streams go on for as long, and loads a
 * third, which is what is measured. Each is new to the process and to its cache.
 */
export async function measureSwap({ model, tokensMax, cacheDir }: SwapOptions): Promise<SwapReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-swap-'));
  let runtime: RunningRuntime | undefined;
  try {
    const [first, second, third] = await versionsOf(model, folder, cacheDir);
    runtime = await startRuntime({
      model: { uri: `file://${first}` },
      quantization: model === 'tiny' ? 'float32' : 'int4',
      engine: { slots: eightPrompts.length, contextLength: 256, threads: availableParallelism() },
    });
    return { model, ...(await measured(runtime, [second, third], tokensMax)) };
  } finally {
    await runtime?.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(
  runtime: RunningRuntime,
  [second, third]: [string, string],
  tokensMax: number,
): Promise<Omit<SwapReport, 'model'>> {
  const warm = new EightStreams(runtime.url, tokensMax);
  warm.start();
  await sleep(restMs);
  const firstMs = await timed(() => swapped(runtime, second));
  await warm.stop();
  const old = await alone(runtime, tokensMax);
  const before = await restingBytes(runtime);
  const streams = new EightStreams(runtime.url, tokensMax);
  streams.start();
  await sleep(Math.max(firstMs, restMs));
  const askedMs = performance.now();
  const phases = await swapped(runtime, third);
  const overMs = performance.now();
  await streams.stop();
  const fresh = await alone(runtime, tokensMax);
  const durationMs = overMs - askedMs;
  const { answers } = streams;
  const isOld = answers.filter(({ ok, prompt, text }) => ok && text === old[prompt]).length;
  const isNew = answers.filter(({ ok, prompt, text }) => ok && text === fresh[prompt] && text !== old[prompt]).length;
  const failed = answers.flatMap(({ ok, why }) => (ok ? [] : [why]));
  return {
    swapSeconds: durationMs / 1000,
    phases: phases.map((phase) => ({ ...phase, longestGapMs: streams.longestGapMs(phase.startMs, phase.endMs) })),
    longestGapMs: {
      before: streams.longestGapMs(askedMs - durationMs, askedMs),
      during: streams.longestGapMs(askedMs, overMs),
    },
    answers: answers.length,
    failed,
    wrong: answers.length - failed.length - isOld - isNew,
    of: { old: isOld, new: isNew },
    residentBytes: { before, after: await restingBytes(runtime) },
  };
}

/** What each prompt is answered with nobody beside it. */
async function alone({ url }: RunningRuntime, tokensMax: number): Promise<string[]> {
  const one = new EightStreams(url, tokensMax);
  const texts: string[] = [];
  for (const prompt of eightPrompts.keys()) {
    const { ok, text, why } = await one.ask(prompt);
    if (!ok) throw new Error(`no answer alone: ${why}`);
    texts.push(text);
  }
  return texts;
}

/** The least of a few looks: what V8 has not yet collected comes and goes. */
async function restingBytes(runtime: RunningRuntime): Promise<number> {
  const looks: number[] = [];
  while (looks.length < 10) {
    looks.push(usageOf(runtime.process.pid ?? 0).residentBytes);
    await sleep(restMs / 10);
  }
  return Math.min(...looks);
}

/** Loads other weights, and waits until they answer and the old ones are out of memory. Gives what was done meanwhile. */
async function swapped({ url }: RunningRuntime, file: string): Promise<Phase[]> {
  const phases: Phase[] = [];
  const status = async (): Promise<RuntimeStatus> => {
    const seen = runtimeStatusSchema.parse(await (await fetch(`${url}/admin/status`)).json());
    const nowMs = performance.now();
    const name = seen.update?.progress?.phase ?? (seen.update?.state === 'done' ? 'letting the old go' : 'beginning');
    const last = phases.at(-1);
    if (last) last.endMs = nowMs;
    if (last?.name !== name) phases.push({ name, startMs: nowMs, endMs: nowMs });
    return seen;
  };
  const { status: code } = await post(`${url}/admin/load`, JSON.stringify({ model: { uri: `file://${file}` } }));
  if (code !== 202) throw new Error(`the load was answered with ${code}`);
  const { update } = await eventually(
    status,
    (seen) => seen.update?.state !== 'loading' && seen.retiring.length === 0,
    swapWithinMs,
    lookMs,
  );
  if (update?.state !== 'done') throw new Error(`the load failed: ${update?.error?.message}`);
  return phases;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
