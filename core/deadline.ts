import { FleetError, type ErrorCode } from './errors.ts';

/**
 * A signal that aborts when the parent does or when the time is up, with a coded error as its reason.
 * Call `clear` when the work is done: a timer that outlives its work keeps the process awake.
 */
export function withDeadline(
  parent: AbortSignal | undefined,
  afterMs: number,
  code: ErrorCode,
  message: string,
): { signal: AbortSignal; clear: () => void } {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(new FleetError(code, message)), afterMs);
  const signal = parent ? AbortSignal.any([parent, timeout.signal]) : timeout.signal;
  return { signal, clear: () => clearTimeout(timer) };
}
