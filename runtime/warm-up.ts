import type { Clock } from '@qwenfleet/core/clock';
import type { Generator, LoadProgress, Step, StepRow } from './backend/backend.ts';

/** Of a prompt beside a model that answers: takes no longer than a token for as many sequences. */
const tokensBeside = 8;

export type WarmUpShapes = {
  prefillChunkTokens: number;
  draftTokensMax?: number | undefined;
  /**
   * Another model answers meanwhile, whose steps wait for these: they are short, and what a whole chunk takes goes by the
   * longest step of that one, in milliseconds.
   */
  beside?: { longestStepMs: number } | undefined;
};

/**
 * Runs each shape of step once: the first run of a shape plans its memory, and the first users would wait for it. A token
 * of one sequence goes first: it is the shortest step, and the first one also brings the weights in.
 * @returns how long the longest took, in milliseconds: what is long for this model on this machine.
 */
export async function warmUp(
  generator: Generator,
  { prefillChunkTokens, draftTokensMax = 0, beside }: WarmUpShapes,
  { clock, signal, onProgress }: { clock: Clock; signal: AbortSignal; onProgress?: LoadProgress },
): Promise<number> {
  const row = (tokens: number): StepRow => ({
    tokens: Array.from({ length: Math.min(tokens, generator.slotTokens - 1) }, () => 0),
    past: 0,
  });
  const decodes = Array.from({ length: generator.slots }, (_, more) => Array.from({ length: more + 1 }, () => row(1)));
  const chunk = row(beside ? Math.min(prefillChunkTokens, tokensBeside) : prefillChunkTokens);
  const steps: Step[] = [...decodes, [chunk]].map((rows) => ({ firstSlot: 0, rows, wantLogits: true }));
  for (let drafts = 1; drafts <= draftTokensMax; drafts += 1)
    steps.push({ firstSlot: 0, rows: [{ ...row(1 + drafts), past: 1 }], wantLogits: 'every' });
  let longestMs = beside?.longestStepMs ?? 0;
  for (const [index, step] of steps.entries()) {
    signal.throwIfAborted();
    onProgress?.('warming up', index, steps.length);
    const startedMs = clock.nowMs();
    await generator.step(step);
    longestMs = Math.max(longestMs, clock.nowMs() - startedMs);
  }
  return longestMs;
}
