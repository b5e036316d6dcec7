import { setTimeout as sleep } from 'node:timers/promises';
import { seededRng } from '@qwenfleet/core/rng';
import type { GenerationEngine } from '@qwenfleet/runtime/engine/generation';
import { collect, requestOf } from '@qwenfleet/runtime/fixtures/generation';

export type Asked = { promptTokens: number; answerTokens: number; vocabularySize: number };

/** A prompt that no other of this run begins like. */
export function promptOf(seed: number, { promptTokens, vocabularySize }: Asked): number[] {
  const rng = seededRng(seed);
  return Array.from({ length: promptTokens }, () => Math.floor(rng() * vocabularySize));
}

async function answered(engine: GenerationEngine, seed: number, asked: Asked): Promise<void> {
  const prompt = promptOf(seed, asked);
  const { end } = await collect(engine, requestOf(prompt, { maxTokens: asked.answerTokens }));
  if (end.completionTokens !== asked.answerTokens) throw new Error('an answer is not whole');
}

/** So many clients, each of which asks again as soon as it has its answer. Requests a second. */
export async function requestsPerSecond(
  engine: GenerationEngine,
  { clients, requests, seed }: { clients: number; requests: number; seed: number },
  asked: Asked,
): Promise<number> {
  const left = Array.from({ length: requests }, (_, at) => seed + at).values();
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (const own of left) await answered(engine, own, asked);
    }),
  );
  return requests / ((performance.now() - startedMs) / 1000);
}

/** Requests that come by chance at this rate, whoever waits (Poisson): the mean time until an answer is whole. */
export async function meanLatencyMs(
  engine: GenerationEngine,
  { perSecond, requests, seed }: { perSecond: number; requests: number; seed: number },
  asked: Asked,
): Promise<number> {
  const rng = seededRng(seed);
  const startedMs = performance.now();
  let dueMs = startedMs;
  const latencies: Promise<number>[] = [];
  for (let at = 0; at < requests; at += 1) {
    await sleep(Math.max(0, dueMs - performance.now()));
    const cameMs = dueMs;
    latencies.push(answered(engine, seed + at, asked).then(() => performance.now() - cameMs));
    dueMs += (-Math.log(1 - rng()) / perSecond) * 1000;
  }
  return (await Promise.all(latencies)).reduce((sum, ms) => sum + ms, 0) / requests;
}
