import { FleetError } from '@qwenfleet/core/errors';
import { isConflict } from '../client/status-error.ts';

/** What a reconcile hands back: nothing, or when to look again though nothing has changed. */
export type ReconcileResult = { requeueAfterMs?: number | undefined };

/** Another try would not mend it: the object has to change first. The reconcile has put it into a condition. */
export class TerminalError extends FleetError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('invalid_request', message, { ...options, retryable: false });
  }
}

/** What becomes of the key. */
export type Outcome =
  | { result: 'success'; next: 'wait' }
  | { result: 'requeue_after'; next: 'after'; delayMs: number }
  /** Somebody else was faster: nothing is wrong, but what we saw is old. */
  | { result: 'requeue'; next: 'retry'; atLeastMs: number }
  | { result: 'error'; next: 'retry'; atLeastMs: number }
  | { result: 'error'; next: 'give up' };

export const outcomeOf = ({ requeueAfterMs }: ReconcileResult): Outcome =>
  requeueAfterMs === undefined
    ? { result: 'success', next: 'wait' }
    : { result: 'requeue_after', next: 'after', delayMs: requeueAfterMs };

export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof TerminalError) return { result: 'error', next: 'give up' };
  const atLeastMs = error instanceof FleetError ? (error.retryAfterMs ?? 0) : 0;
  return { result: isConflict(error) ? 'requeue' : 'error', next: 'retry', atLeastMs };
}
