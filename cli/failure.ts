import { FleetError, describeError, type ErrorCode } from '@qwenfleet/core/errors';

/** What the process ends with; `qwenfleet help` prints this table. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done, or stopped because you asked' },
  failed: { code: 1, meaning: 'it was tried and did not work' },
  usage: { code: 2, meaning: 'the command line or the fleet file is not valid' },
  unreachable: { code: 3, meaning: 'no fleet answers at that address' },
  interrupted: { code: 130, meaning: 'Ctrl-C before it was done' },
} as const;
export type Exit = keyof typeof exitCodes;

/** Ends a command: what went wrong, and what to type next. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exit: Exit;
  readonly remedy: string | undefined;

  constructor(exit: Exit, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.remedy = options.remedy;
  }
}

const usageCodes: ReadonlySet<ErrorCode> = new Set(['invalid_config']);

/** Anything thrown, as something to print and an exit code. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  if (thrown instanceof FleetError) {
    if (thrown.code === 'cancelled') return new Failure('interrupted', 'Stopped.', { cause: thrown });
    return new Failure(usageCodes.has(thrown.code) ? 'usage' : 'failed', describeError(thrown), { cause: thrown });
  }
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return new Failure('interrupted', 'Stopped.', { cause: thrown });
  }
  return new Failure('failed', describeError(thrown), { cause: thrown });
}
