import { post, user } from './chat.ts';
import type { RunningFleet } from './fleet.ts';
import { replicaOf } from './replicas.ts';

/** One request through the router and the same one straight to the runtime that answers it there. */
export type OverheadPair = { routedMs: number; directMs: number };

export type PairOptions = { pairsMax: number; pairsMin: number; withinMs: number };

const warmUps = 10;

/**
 * Requests for one token with model auto, in pairs whose order alternates, so that a busy machine slows both alike.
 * A slow machine gets fewer pairs, never fewer than `pairsMin`.
 */
export async function overheadPairs(fleet: RunningFleet, options: PairOptions): Promise<OverheadPair[]> {
  const body = { model: 'auto', messages: [user('What is the capital of France?')], temperature: 0, max_tokens: 1 };
  const { headers } = await post(`${fleet.url}/v1/chat/completions`, body);
  const runtime = await replicaOf(fleet, headers.get('x-qwenfleet-pool') ?? '');
  const routed = (): Promise<number> => millisecondsOf(fleet.url, body);
  const direct = (): Promise<number> => millisecondsOf(runtime.url, body);
  for (let count = 0; count < warmUps; count += 1) await Promise.all([routed(), direct()]);
  const untilMs = performance.now() + options.withinMs;
  const pairs: OverheadPair[] = [];
  while (pairs.length < options.pairsMax && (pairs.length < options.pairsMin || performance.now() < untilMs)) {
    if (pairs.length % 2 === 0) pairs.push({ routedMs: await routed(), directMs: await direct() });
    else pairs.push({ directMs: await direct(), routedMs: await routed() });
  }
  return pairs;
}

/** Milliseconds that the router added to each pair. */
export const addedMs = (pairs: readonly OverheadPair[]): number[] =>
  pairs.map(({ routedMs, directMs }) => routedMs - directMs);

async function millisecondsOf(url: string, body: Record<string, unknown>): Promise<number> {
  const startedMs = performance.now();
  const { status } = await post(`${url}/v1/chat/completions`, body);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return performance.now() - startedMs;
}
