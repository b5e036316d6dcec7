/** What a program may switch on; what HTTP status and OpenAI error type it becomes is decided here and nowhere else. */
export const errorCodes = {
  invalid_request: { status: 400, type: 'invalid_request_error', retryable: false },
  invalid_json: { status: 400, type: 'invalid_request_error', retryable: false },
  context_length_exceeded: { status: 400, type: 'invalid_request_error', retryable: false },
  unsupported: { status: 400, type: 'invalid_request_error', retryable: false },
  invalid_api_key: { status: 401, type: 'authentication_error', retryable: false },
  forbidden: { status: 403, type: 'permission_error', retryable: false },
  not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  model_not_found: { status: 404, type: 'invalid_request_error', retryable: false },
  method_not_allowed: { status: 405, type: 'invalid_request_error', retryable: false },
  request_timeout: { status: 408, type: 'invalid_request_error', retryable: true },
  conflict: { status: 409, type: 'invalid_request_error', retryable: true },
  gone: { status: 410, type: 'invalid_request_error', retryable: false },
  body_too_large: { status: 413, type: 'invalid_request_error', retryable: false },
  unsupported_media_type: { status: 415, type: 'invalid_request_error', retryable: false },
  rate_limited: { status: 429, type: 'rate_limit_error', retryable: true },
  queue_full: { status: 429, type: 'rate_limit_error', retryable: true },
  cancelled: { status: 499, type: 'invalid_request_error', retryable: false },
  internal: { status: 500, type: 'server_error', retryable: true },
  engine_failed: { status: 500, type: 'server_error', retryable: true },
  upstream_failed: { status: 502, type: 'server_error', retryable: true },
  pool_unavailable: { status: 503, type: 'server_error', retryable: true },
  model_loading: { status: 503, type: 'server_error', retryable: true },
  shutting_down: { status: 503, type: 'server_error', retryable: true },
  upstream_timeout: { status: 504, type: 'server_error', retryable: true },
  not_leader: { status: 503, type: 'server_error', retryable: true },
  // The ones below never cross HTTP as such: they end a start-up or a load.
  invalid_config: { status: 500, type: 'server_error', retryable: false },
  invalid_model: { status: 500, type: 'server_error', retryable: false },
  unsupported_model: { status: 500, type: 'server_error', retryable: false },
  digest_mismatch: { status: 500, type: 'server_error', retryable: false },
  source_unavailable: { status: 502, type: 'server_error', retryable: true },
  source_not_found: { status: 500, type: 'server_error', retryable: false },
  source_forbidden: { status: 500, type: 'server_error', retryable: false },
} as const satisfies Record<string, { status: number; type: string; retryable: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

/** Messages quote what they refuse: fifty problems of a fleet file are 5 KB, a name in a damaged file may be megabytes. */
const messageLengthMax = 16_000;

export type FleetErrorOptions = {
  /** The request field or configuration path at fault, such as `messages[0].role`. */
  param?: string | undefined;
  cause?: unknown;
  /** When a client should try again, from the queue's own estimate. */
  retryAfterMs?: number | undefined;
  /** Overrides what the code says, for instance when a retry budget is spent. */
  retryable?: boolean | undefined;
};

/**
 * The one error class of the fleet. The message is for people (field, value, remedy) and crosses the wire as it is,
 * so it never holds a path, an address or a secret; the code is for programs.
 */
export class FleetError extends Error {
  override readonly name: string = 'FleetError';
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: FleetErrorOptions = {}) {
    super(bounded(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? errorCodes[code].retryable;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

const bounded = (message: string): string =>
  message.length <= messageLengthMax ? message : `${message.slice(0, messageLengthMax)}…`;

/** OpenAI's error object; `code` is ours and stable. */
export type OpenAiError = {
  error: { message: string; type: string; param: string | null; code: string };
};

/** Anything thrown becomes a FleetError; what is not one already says nothing of our internals. */
export function asFleetError(thrown: unknown): FleetError {
  if (thrown instanceof FleetError) return thrown;
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return new FleetError('cancelled', 'The request was cancelled.', { cause: thrown });
  }
  return new FleetError('internal', 'Something failed on our side. Try again; the server log has the details.', {
    cause: thrown,
  });
}

/** The body of an error answer, and of an error chunk in a stream. */
export function toOpenAiError(error: FleetError): OpenAiError {
  return {
    error: {
      message: error.message,
      type: errorCodes[error.code].type,
      param: error.param ?? null,
      code: error.code,
    },
  };
}

/** Headers that tell OpenAI's clients whether and when to try again. */
export function errorHeaders(error: FleetError): Record<string, string> {
  const headers = { 'x-should-retry': String(error.retryable) };
  return error.retryAfterMs === undefined ? headers : { ...headers, ...waitHeaders(error.retryAfterMs) };
}

/** When to try again: OpenAI's clients read milliseconds, others only seconds. */
export const waitHeaders = (retryAfterMs: number): Record<string, string> => ({
  'retry-after-ms': String(Math.ceil(retryAfterMs)),
  'retry-after': String(Math.ceil(retryAfterMs / 1000)),
});

/** One line for people: message, then the chain of causes. For logs and terminals, never for the wire. */
export function describeError(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause === undefined ? '' : ` (cause: ${describeError(thrown.cause)})`;
  return `${thrown.message}${cause}`;
}
