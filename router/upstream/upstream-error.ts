import { z } from 'zod';
import { errorCodes, FleetError, toOpenAiError, type ErrorCode, type OpenAiError } from '@qwenfleet/core/errors';

/** Longest message of a server that is passed on. */
const messageCharsMax = 2_000;

const detailsSchema = z.looseObject({
  message: z.string(),
  type: z.string().nullish(),
  param: z.string().nullish(),
  code: z.union([z.string(), z.number()]).nullish(),
});
/** OpenAI nests the details; older servers send them bare. */
const errorBodySchema = z.union([
  z.looseObject({ error: detailsSchema }).transform(({ error }) => error),
  detailsSchema,
]);

/** What a client is told of a server's error: the status, and the OpenAI error object in every case. */
export type ClientError = { status: number; body: OpenAiError };

/**
 * A server's error answer as the client gets it. Its words are kept when they are about the request. When they are about
 * the router itself (its token, its address of the server) they are not, for they may quote the token.
 */
export function clientError(status: number, body: Uint8Array, pool: string): ClientError {
  if (isOurs(status)) {
    const message = `The pool "${pool}" refused the router (status ${status}). Whoever runs this endpoint has to look at the pool's url, token and model name.`;
    const error = new FleetError('upstream_failed', message, { retryable: false });
    return { status: error.status, body: toOpenAiError(error) };
  }
  const details = errorBodySchema.safeParse(json(body)).data;
  const code = codeOf(status);
  const message =
    details?.message.slice(0, messageCharsMax) ??
    `The pool "${pool}" answered with status ${status} and no explanation.`;
  return {
    status,
    body: {
      error: {
        message,
        type: details?.type ?? errorCodes[code].type,
        param: details?.param ?? null,
        code: String(details?.code ?? code),
      },
    },
  };
}

/** Not the client's to mend: its own key was accepted, and the path and model name are the router's. */
const isOurs = (status: number): boolean => [401, 403, 404, 405].includes(status) || status < 400;

const codeOf = (status: number): ErrorCode =>
  status === 429
    ? 'rate_limited'
    : status === 413
      ? 'body_too_large'
      : status < 500
        ? 'invalid_request'
        : 'upstream_failed';

function json(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}
