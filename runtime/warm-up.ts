import type { Clock } from '@qwenfleet/core/clock';
import type { Generator, LoadProgress, Step, StepRow } from './backend/backend.ts';
import { chunkTokensMin } from './engine/scheduler.ts';

export type WarmUpShapes = {
  prefillChunkTokens: number;
  draftTokensMax?: number | undefined;
  /** Another model answers meanwhile, whose steps wait for these: no chunk is longer than need be. */
  beside?: boolean | undefined;
};

/**
 * Runs each shape of step once: the first run of a shape plans its memory, and the first users would wait for it.
 * @returns how long the longest took, or a whole chunk would take, in milliseconds: what is long for this model on this
 *   machine.
 */
export async function warmUp(
  generator: Generator,
  { prefillChunkTokens, draftTokensMax = 0, beside = false }: WarmUpShapes,
  { clock, signal, onProgress }: { clock: Clock; signal: AbortSignal; onProgress?: LoadProgress },
): Promise<number> {
  const row = (tokens: number): StepRow => ({
    tokens: Array.from({ length: Math.min(tokens, generator.slotTokens - 1) }, () => 0),
    past: 0,
  });
  const chunk = row(prefillChunkTokens);
  const part = beside ? row(Math.min(prefillChunkTokens, chunkTokensMin)) : chunk;
  const decodes = Array.from({ length: generator.slots }, (_, more) => Array.from({ length: more + 1 }, () => row(1)));
  const steps: Step[] = [[part], ...decodes].map((rows) => ({ firstSlot: 0, rows, wantLogits: true }));
  for (let drafts = 1; drafts <= draftTokensMax; drafts += 1)
    steps.push({ firstSlot: 0, rows: [{ ...row(1 + drafts), past: 1 }], wantLogits: 'every' });
  let longestMs = 0;
  for (const [index, step] of steps.entries()) {
    signal.throwIfAborted();
    onProgress?.('warming up', index, steps.length);
    const startedMs = clock.nowMs();
    await generator.step(step);
    const ofWhole = step.rows[0] === part ? chunk.tokens.length / part.tokens.length : 1;
    longestMs = Math.max(longestMs, (clock.nowMs() - startedMs) * ofWhole);
  }
  return longestMs;
}
