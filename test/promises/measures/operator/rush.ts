import { rushFromZero, type Rush } from '../../../harness/rush.ts';
import { median, percentile } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';

const requests = 500;
const concurrency = 8;

let rush: Promise<Rush> | undefined;
/** Both promises are about the same rush. */
const once = (): Promise<Rush> => (rush ??= rushFromZero({ requests, concurrency }));

/** Of 500 requests at once at a pool at zero, those that were not answered with 200. */
export async function zeroLost(): Promise<Measurement> {
  const { statuses, inFlightMax, loadMs, servedMs } = await once();
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const details =
    `${requests} requests; the model took ${seconds(loadMs)} s to come, all answers ${seconds(servedMs)} s more; ` +
    `never more than ${inFlightMax} of ${concurrency} at the runtime`;
  return { value: requests - (statuses['200'] ?? 0), details };
}

/** The 99th percentile of what those requests took beyond the load, their turn and their own answering. */
export async function zeroOverheadMs(): Promise<Measurement> {
  const { overheadsMs } = await once();
  const details = `${overheadsMs.length} requests, median ${median(overheadsMs).toFixed(1)} ms, most ${Math.max(...overheadsMs).toFixed(1)} ms`;
  return { value: percentile(overheadsMs, 0.99), details };
}
