import { z } from 'zod';
import { issuePath } from '../config.ts';
import { FleetError } from '../errors.ts';

/** Limits that OpenAI documents, or that keep a request's cost bounded. */
export const requestLimits = {
  stopSequences: 4,
  topLogprobs: 20,
  messages: 4096,
  choices: 8,
  embeddingInputs: 2048,
  tools: 128,
} as const;

const textPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const otherPart = z.looseObject({ type: z.string() });
const content = z.union([z.string(), z.array(z.union([textPart, otherPart])), z.null()], {
  error: 'content must be a string or a list of parts, each with a type',
});

export const toolCallSchema = z.looseObject({
  id: z.string(),
  type: z.literal('function').default('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

export const messageSchema = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: content.optional(),
  name: z.string().optional(),
  tool_calls: z.array(toolCallSchema).optional(),
  tool_call_id: z.string().optional(),
  reasoning: z.string().nullish(),
  reasoning_content: z.string().nullish(),
});
export type Message = z.infer<typeof messageSchema>;

const positiveInteger = (name: string) =>
  z.int({ error: `${name} must be a whole number` }).min(1, { error: `${name} must be 1 or more` });

const nRange = `n must be a whole number from 1 to ${requestLimits.choices}`;

/** What chat and text completions share. `null` means "not given", as several clients send it. */
const samplingShape = {
  model: z.string({ error: 'model is required: "auto", or a name from GET /v1/models' }).min(1).max(256),
  max_tokens: positiveInteger('max_tokens').nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().gt(0).max(2).nullish(),
  /** OpenAI's seed has 64 bits: beyond 2^53 it is rounded here, and passed on as it was written. */
  seed: z.number().refine(Number.isInteger, { error: 'seed must be a whole number' }).nullish(),
  stop: z
    .union([z.string(), z.array(z.string()).max(requestLimits.stopSequences)], {
      error: `stop must be a string or at most ${requestLimits.stopSequences} strings`,
    })
    .nullish(),
  n: z.int({ error: nRange }).min(1, { error: nRange }).max(requestLimits.choices, { error: nRange }).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  user: z.string().max(512).nullish(),
  /** Names what its prompt has in common with others, for whoever looks for a cache of it. */
  prompt_cache_key: z.string().max(512).nullish(),
  /** vLLM's field. */
  priority: z.int({ error: 'priority must be a whole number: smaller goes first, and 0 is the default' }).nullish(),
} as const;

/** POST /v1/chat/completions. Unknown fields pass through: clients send more than any one server knows. */
export const chatRequestSchema = z.looseObject({
  ...samplingShape,
  messages: z.array(messageSchema).min(1).max(requestLimits.messages),
  max_completion_tokens: positiveInteger('max_completion_tokens').nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(requestLimits.topLogprobs).nullish(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(requestLimits.tools)
    .nullish(),
  tool_choice: z.unknown().optional(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) }).nullish(),
  reasoning_effort: z.string().nullish(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).nullish(),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;

/** POST /v1/completions. */
export const completionRequestSchema = z.looseObject({
  ...samplingShape,
  prompt: z.union([z.string(), z.array(z.string()).min(1), z.array(z.int().nonnegative()).min(1)], {
    error: 'prompt must be a string, a list of strings or a list of tokens',
  }),
  logprobs: z.int().min(0).max(requestLimits.topLogprobs).nullish(),
  echo: z.boolean().nullish(),
  suffix: z.string().nullish(),
});
export type CompletionRequest = z.infer<typeof completionRequestSchema>;

/** POST /v1/embeddings. */
export const embeddingRequestSchema = z.looseObject({
  model: samplingShape.model,
  input: z.union(
    [
      z.string(),
      z.array(z.string()).min(1).max(requestLimits.embeddingInputs),
      z.array(z.int().nonnegative()).min(1),
      z.array(z.array(z.int().nonnegative()).min(1)).min(1).max(requestLimits.embeddingInputs),
    ],
    {
      error: `input must be a string, a list of tokens, or a list of at most ${requestLimits.embeddingInputs} of either`,
    },
  ),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: positiveInteger('dimensions').nullish(),
  user: z.string().max(512).nullish(),
});
export type EmbeddingRequest = z.infer<typeof embeddingRequestSchema>;

/**
 * Reads a request body once. Throws `invalid_json` or `invalid_request`; the message names the field, what was
 * sent and what is wanted.
 */
export function parseRequest<T extends z.ZodType>(schema: T, body: string): z.infer<T> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new FleetError('invalid_json', 'The request body is not valid JSON. Send one JSON object in UTF-8.', {
      cause,
    });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  if (path.length === 0 && (typeof json !== 'object' || json === null || Array.isArray(json)))
    throw new FleetError('invalid_request', `The request body must be one JSON object${sent(json, path)}.`);
  const param = issuePath(path);
  throw new FleetError('invalid_request', `${param}: ${issue?.message ?? 'not valid'}${sent(json, path)}.`, {
    param: path.length === 0 ? undefined : param,
  });
}

/** `, got -1`: the value at fault, cut short, so that a person sees what they sent. */
function sent(json: unknown, path: readonly PropertyKey[]): string {
  let value = json;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return ', but it is missing';
    value = Reflect.get(value, key);
  }
  return `, got ${shown(value)}`;
}

/** How much is quoted back. */
const shownCharsMax = 60;
const shownItemsMax = 8;

/** A value in few words: what a client sent may be large, or nested deeper than can be written out. */
function shown(value: unknown): string {
  const text = Array.isArray(value) ? `[${value.slice(0, shownItemsMax).map(scalar).join(',')}]` : scalar(value);
  return text.length > shownCharsMax ? `${text.slice(0, shownCharsMax - 3)}...` : text;
}

function scalar(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, shownCharsMax));
  if (Array.isArray(value)) return '[...]';
  return typeof value === 'object' && value !== null ? '{...}' : String(value);
}

/** The text of a message: a string as it is, parts joined, anything that is not text left out. */
export function messageText(message: Pick<Message, 'content'>): string {
  const { content: body } = message;
  if (typeof body === 'string') return body;
  if (!Array.isArray(body)) return '';
  return body.map((part) => ('text' in part && typeof part.text === 'string' ? part.text : '')).join('');
}

/** `max_completion_tokens` is the newer name of `max_tokens` and wins. */
export const maxTokensOf = (request: {
  max_tokens?: number | null | undefined;
  max_completion_tokens?: number | null | undefined;
}): number | undefined => request.max_completion_tokens ?? request.max_tokens ?? undefined;
