import { errorHeaders, toOpenAiError, type FleetError } from '@qwenfleet/core/errors';

/** An error as every client of OpenAI's API reads it: status, object, and whether to try again. */
export const errorResponse = (error: FleetError, headers: Record<string, string> = {}): Response =>
  Response.json(toOpenAiError(error), { status: error.status, headers: { ...errorHeaders(error), ...headers } });
