import { randomUUID } from 'node:crypto';
import { errorHeaders, toOpenAiError, type FleetError } from '@qwenfleet/core/errors';

/** An error as every client of OpenAI's API reads it: status, object, and whether to try again. */
export const errorResponse = (error: FleetError, headers: Record<string, string> = {}): Response =>
  Response.json(toOpenAiError(error), { status: error.status, headers: { ...errorHeaders(error), ...headers } });

/** An error that is answered before any route is reached. */
export type Refusal = { status: number; headers: Record<string, string>; body: string };

/** @param status where HTTP has one of its own for it. */
export function refusal(error: FleetError, status: number = error.status): Refusal {
  const body = JSON.stringify(toOpenAiError(error));
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': randomUUID(),
    ...errorHeaders(error),
  };
  return { status, headers, body };
}
