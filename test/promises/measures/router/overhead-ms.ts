import { startFleet } from '../../../harness/fleet.ts';
import { addedMs, overheadPairs } from '../../../harness/overhead.ts';
import { median, percentile, showSpread, spreadOf } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';

/** The median of the differences between a request through the router and the same one straight to its runtime. */
export async function overheadMs(): Promise<Measurement> {
  const fleet = await startFleet();
  try {
    const pairs = await overheadPairs(fleet, { pairsMax: 200, pairsMin: 40, withinMs: 30_000 });
    const added = addedMs(pairs);
    const alone = showSpread(spreadOf(pairs.map(({ directMs }) => directMs)), 1);
    const details = `${pairs.length} pairs, p95 ${percentile(added, 0.95).toFixed(1)} ms; the runtime alone ${alone} ms`;
    return { value: median(added), details };
  } finally {
    await fleet.stop();
  }
}
