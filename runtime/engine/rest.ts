import type { Clock } from '@qwenfleet/core/clock';

/** Waits until an engine's loop rests. False when it still turns after the time. */
export async function restsWithin(
  loop: () => Promise<unknown> | undefined,
  waitMs: number,
  clock: Clock,
): Promise<boolean> {
  const rested = new AbortController();
  const waited = clock.sleep(waitMs, rested.signal).then(
    () => false,
    () => true,
  );
  const atRest = async (): Promise<boolean> => {
    for (let turning = loop(); turning; turning = loop()) await turning;
    return true;
  };
  const rests = await Promise.race([atRest(), waited]);
  rested.abort();
  return rests;
}
