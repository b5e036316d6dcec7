import type { Clock } from '@qwenfleet/core/clock';

/** How long the step that runs at the end of a drain may still take before it counts as hung; longer for slow models. */
const lastStepMsMin = 10_000;

/** The same, for an engine whose longest step took so long. */
export const lastStepMs = (longestStepMs: number): number => Math.max(lastStepMsMin, 2 * longestStepMs);

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
