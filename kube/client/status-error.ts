import { FleetError, type ErrorCode } from '@qwenfleet/core/errors';
import { z } from 'zod';

export type StatusCause = { reason: string; message: string; field: string };

const text = z.string().catch('');
const statusSchema = z.object({
  kind: z.literal('Status'),
  message: text,
  reason: text,
  details: z
    .object({
      causes: z.array(z.object({ reason: text, message: text, field: text })).catch([]),
      retryAfterSeconds: z.number().optional().catch(undefined),
    })
    .catch({ causes: [], retryAfterSeconds: undefined }),
});

const codes: Record<number, ErrorCode> = {
  401: 'invalid_api_key',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  410: 'gone',
  413: 'body_too_large',
  415: 'unsupported',
  429: 'rate_limited',
  504: 'upstream_timeout',
};

/** An answer of the API server that is not a success, read from its Status object. */
export class StatusError extends FleetError {
  override readonly name = 'StatusError';
  /** The HTTP status, such as 409. */
  readonly statusCode: number;
  /** The API's own word, such as `AlreadyExists` or `Conflict`; empty where the answer was not from the API. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];

  constructor(of: {
    statusCode: number;
    reason?: string;
    message: string;
    causes?: readonly StatusCause[];
    retryAfterMs?: number | undefined;
  }) {
    const code = codes[of.statusCode] ?? (of.statusCode >= 500 ? 'upstream_failed' : 'invalid_request');
    super(code, of.message, { retryAfterMs: of.retryAfterMs });
    this.statusCode = of.statusCode;
    this.reason = of.reason ?? '';
    this.causes = of.causes ?? [];
  }
}

/** Reads an answer's body and its Retry-After header (seconds, as the API server writes it). */
export function readStatusError(statusCode: number, body: string, retryAfter?: string): StatusError {
  const parsed = statusSchema.safeParse(jsonOf(body));
  const seconds = Number(retryAfter ?? parsed.data?.details.retryAfterSeconds ?? Number.NaN);
  const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  if (!parsed.success) {
    return new StatusError({ statusCode, message: `The API server answered ${statusCode}.`, retryAfterMs });
  }
  const { reason, message, details } = parsed.data;
  const words = message === '' ? `The API server answered ${statusCode} ${reason}.` : message;
  return new StatusError({ statusCode, reason, message: words, causes: details.causes, retryAfterMs });
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const hasStatus =
  (...wanted: number[]) =>
  (thrown: unknown): thrown is StatusError =>
    thrown instanceof StatusError && wanted.includes(thrown.statusCode);

export const isNotFound = hasStatus(404);
/** The object changed since it was read, exists already, or another manager owns a field. */
export const isConflict = hasStatus(409);
export const isInvalid = hasStatus(400, 422);
/** The resource version, or the token of a chunked list, is too old. */
export const isGone = hasStatus(410);
export const isUnauthorized = hasStatus(401);
export const isForbidden = hasStatus(403);
export const isAlreadyExists = (thrown: unknown): thrown is StatusError =>
  isConflict(thrown) && thrown.reason === 'AlreadyExists';

/** Who owns the fields that a server-side apply without force would have changed. */
export function conflictingManagers(error: StatusError): { manager: string; field: string }[] {
  return error.causes
    .filter(({ reason }) => reason === 'FieldManagerConflict')
    .map(({ message, field }) => ({ manager: /^conflict with "([^"]*)"/.exec(message)?.[1] ?? 'unknown', field }));
}
