import { post, user } from '../../../harness/chat.ts';
import { startFleet } from '../../../harness/fleet.ts';
import { replicaOf } from '../../../harness/replicas.ts';
import { median, percentile, showSpread, spreadOf } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';

const warmUps = 10;
const pairsMax = 200;
/** A busy machine gets fewer pairs, never fewer than these. */
const pairsMin = 40;
const pairsWithinMs = 30_000;

/**
 * The same request for one token through the router with model auto, and straight to the runtime that answers it there,
 * in pairs whose order alternates. The median of the differences is what the router adds.
 */
export async function overheadMs(): Promise<Measurement> {
  const fleet = await startFleet();
  try {
    const body = { model: 'auto', messages: [user('What is the capital of France?')], temperature: 0, max_tokens: 1 };
    const chosen = (await post(`${fleet.url}/v1/chat/completions`, body)).headers.get('x-qwenfleet-pool') ?? '';
    const runtime = await replicaOf(fleet, chosen);
    const routed = (): Promise<number> => milliseconds(fleet.url, body);
    const direct = (): Promise<number> => milliseconds(runtime.url, body);
    for (let count = 0; count < warmUps; count += 1) await Promise.all([routed(), direct()]);
    const pairs: { routedMs: number; directMs: number }[] = [];
    const untilMs = performance.now() + pairsWithinMs;
    for (let count = 0; count < pairsMax && (count < pairsMin || performance.now() < untilMs); count += 1) {
      const first = count % 2 === 0 ? await routed() : await direct();
      const second = count % 2 === 0 ? await direct() : await routed();
      pairs.push(count % 2 === 0 ? { routedMs: first, directMs: second } : { routedMs: second, directMs: first });
    }
    const added = pairs.map(({ routedMs, directMs }) => routedMs - directMs);
    const alone = showSpread(spreadOf(pairs.map(({ directMs }) => directMs)), 1);
    const details = `${pairs.length} pairs, p95 ${percentile(added, 0.95).toFixed(1)} ms; the runtime alone ${alone} ms`;
    return { value: median(added), details };
  } finally {
    await fleet.stop();
  }
}

async function milliseconds(url: string, body: Record<string, unknown>): Promise<number> {
  const startedMs = performance.now();
  const { status } = await post(`${url}/v1/chat/completions`, body);
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return performance.now() - startedMs;
}
