import { z } from 'zod';
import type { Rng } from '../rng.ts';

/** First-token times that one arm keeps, a uniform sample of all of them: bounded, and enough for a 95th percentile. */
export const ttftSamplesMax = 256;

/** How one revision answered since a moment: counted by routers, judged by the operator. */
export const armSchema = z.strictObject({
  /** Requests that were answered or failed. What the client cancelled or got wrong is not among them. */
  requests: z.int().nonnegative(),
  errors: z.int().nonnegative(),
  /** First tokens seen, of which `ttftMs` is a sample. */
  firstTokens: z.int().nonnegative(),
  ttftMs: z.array(z.number().nonnegative()).max(ttftSamplesMax),
});
export type Arm = z.infer<typeof armSchema>;

/** Results by revision, of the window that the operator asked for: counts begin anew whenever the window's name changes. */
export const armsReportSchema = z.strictObject({
  window: z.string().max(128),
  byRevision: z.record(z.string(), armSchema),
});
export type ArmsReport = z.infer<typeof armsReportSchema>;

export const emptyArm = (): Arm => ({ requests: 0, errors: 0, firstTokens: 0, ttftMs: [] });

/** Adds one answer to an arm in place; `ttftMs` is undefined where no first token came. Vitter's algorithm R. */
export function countAnswer(arm: Arm, answer: { failed: boolean; ttftMs: number | undefined }, rng: Rng): void {
  arm.requests += 1;
  if (answer.failed) arm.errors += 1;
  if (answer.ttftMs === undefined) return;
  arm.firstTokens += 1;
  if (arm.ttftMs.length < ttftSamplesMax) {
    arm.ttftMs.push(answer.ttftMs);
    return;
  }
  const at = Math.floor(rng() * arm.firstTokens);
  if (at < ttftSamplesMax) arm.ttftMs[at] = answer.ttftMs;
}

/** The arms of several routers as one: counts add up, and each gives samples in proportion to what it saw. */
export function mergeArms(arms: readonly Arm[]): Arm {
  const total = emptyArm();
  for (const { requests, errors, firstTokens } of arms) {
    total.requests += requests;
    total.errors += errors;
    total.firstTokens += firstTokens;
  }
  const kept = arms.reduce((sum, { ttftMs }) => sum + ttftMs.length, 0);
  for (const arm of arms) {
    const share = kept <= ttftSamplesMax ? arm.ttftMs.length : shareOf(arm, total.firstTokens);
    const stride = arm.ttftMs.length / Math.max(1, share);
    for (let at = 0; at < share; at += 1) total.ttftMs.push(arm.ttftMs[Math.floor(at * stride)] ?? 0);
  }
  return total;
}

const shareOf = ({ firstTokens, ttftMs }: Arm, all: number): number =>
  Math.min(ttftMs.length, Math.floor((ttftSamplesMax * firstTokens) / all));
