import { figuresEveryMs } from '@qwenfleet/operator/cluster/pool/pace';

/** As long as figures are held back, which is as long as it takes to look again at what rests, and time to write. */
const quietMs = figuresEveryMs + 2_000;

/**
 * Waits until nothing has been written for longer than an operator holds anything back.
 * @param writes Every write so far, as a reader of a failure would like to see it.
 * @throws Error with the last writes, when it goes on.
 */
export async function comesToRest(writes: () => readonly string[], withinMs = 90_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  let before = writes();
  let sinceMs = performance.now();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = writes();
    const nowMs = performance.now();
    if (after.length === before.length && nowMs - sinceMs >= quietMs) return;
    if (nowMs > deadlineMs) {
      throw new Error(`still writing after ${withinMs} ms; at last ${after.slice(-5).join(', ') || 'nothing'}`);
    }
    if (after.length === before.length) continue;
    before = after;
    sinceMs = nowMs;
  }
}
