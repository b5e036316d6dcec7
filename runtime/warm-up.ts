import type { Clock } from '@qwenfleet/core/clock';
import type { Generator, Step, StepRow } from './backend/backend.ts';

/**
 * Runs each shape of step once: the first run of a shape plans its memory, and the first users would wait for it.
 * @returns how long the longest took, in milliseconds: what is long for this model on this machine.
 */
export async function warmUp(
  generator: Generator,
  { prefillChunkTokens, draftTokensMax = 0 }: { prefillChunkTokens: number; draftTokensMax?: number | undefined },
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<number> {
  const row = (tokens: number): StepRow => ({
    tokens: Array.from({ length: Math.min(tokens, generator.slotTokens - 1) }, () => 0),
    past: 0,
  });
  const decodes = Array.from({ length: generator.slots }, (_, more) => Array.from({ length: more + 1 }, () => row(1)));
  const steps: Step[] = [[row(prefillChunkTokens)], ...decodes].map((rows) => ({
    firstSlot: 0,
    rows,
    wantLogits: true,
  }));
  for (let drafts = 1; drafts <= draftTokensMax; drafts += 1)
    steps.push({ firstSlot: 0, rows: [{ ...row(1 + drafts), past: 1 }], wantLogits: 'every' });
  let longestMs = 0;
  for (const step of steps) {
    signal.throwIfAborted();
    const startedMs = clock.nowMs();
    await generator.step(step);
    longestMs = Math.max(longestMs, clock.nowMs() - startedMs);
  }
  return longestMs;
}
