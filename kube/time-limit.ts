import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';

/** Why a timer that nobody waits for any more ends. One for all: a fresh one has a stack, which costs more than a timer. */
const done = new FleetError('cancelled', 'The work ended before its time was up.');

/**
 * Runs work under a signal that aborts when the parent does or when the time is up, then with `late()` as its reason.
 * The clock is the caller's, so a test decides when time is up. The work has to heed the signal.
 */
export async function withinTime<T>(
  clock: Clock,
  limit: { ms: number; parent?: AbortSignal | undefined; late: () => FleetError },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = new AbortController();
  const over = new AbortController();
  clock.sleep(limit.ms, over.signal).then(
    () => timeout.abort(limit.late()),
    () => undefined,
  );
  try {
    return await work(limit.parent ? AbortSignal.any([limit.parent, timeout.signal]) : timeout.signal);
  } finally {
    over.abort(done);
  }
}

/** Sleeps unless aborted; says whether the time passed. */
export async function slept(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(delayMs, signal);
    return true;
  } catch {
    return false;
  }
}

/** Waits for work that others wait for too: who leaves stops waiting, and the work goes on. */
export async function heeding<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  signal.throwIfAborted();
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason as Error);
  signal.addEventListener('abort', leave, { once: true });
  return await Promise.race([work, left.promise]).finally(() => signal.removeEventListener('abort', leave));
}
