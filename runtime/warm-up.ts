import type { Clock } from '@qwenfleet/core/clock';
import type { Generator, StepRow } from './backend/backend.ts';

/**
 * Runs each shape of step once: the first run of a shape plans its memory, and the first users would wait for it.
 * @returns how long the longest took, in milliseconds: what is long for this model on this machine.
 */
export async function warmUp(
  generator: Generator,
  prefillChunkTokens: number,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<number> {
  const row = (tokens: number): StepRow => ({ tokens: Array.from({ length: tokens }, () => 0), past: 0 });
  const chunk = row(Math.min(prefillChunkTokens, generator.slotTokens - 1));
  const decodes = Array.from({ length: generator.slots }, (_, more) => Array.from({ length: more + 1 }, () => row(1)));
  let longestMs = 0;
  for (const rows of [[chunk], ...decodes]) {
    signal.throwIfAborted();
    const startedMs = clock.nowMs();
    await generator.step({ firstSlot: 0, rows, wantLogits: true });
    longestMs = Math.max(longestMs, clock.nowMs() - startedMs);
  }
  return longestMs;
}
