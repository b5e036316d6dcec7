import { FleetError } from '@qwenfleet/core/errors';
import { requestLimits, type ChatRequest } from '@qwenfleet/core/openai/request';
import { z } from 'zod';

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const itemSchema = z.looseObject({
  type: z.string().optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']).optional(),
  content: z.union([z.string(), z.array(part)]).optional(),
  call_id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
  output: z.union([z.string(), z.array(part)]).optional(),
});
type Item = z.infer<typeof itemSchema>;

const formatSchema = z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) });

/** POST /v1/responses: what of it a chat can answer. Nothing is kept between requests. */
export const responsesRequestSchema = z.looseObject({
  model: z.string({ error: 'model is required: "auto", or a name from GET /v1/models' }).min(1).max(256),
  input: z.union([z.string(), z.array(itemSchema).min(1).max(requestLimits.messages)], {
    error: 'input must be a string or a list of items',
  }),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  stream: z.boolean().nullish(),
  tools: z
    .array(z.looseObject({ type: z.string() }))
    .max(requestLimits.tools)
    .nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: formatSchema.nullish() }).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  user: z.string().max(512).nullish(),
  prompt_cache_key: z.string().max(512).nullish(),
});
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;

/** Fields that ask for what was kept, or for work after the answer. */
const needsMemory = ['previous_response_id', 'conversation', 'background', 'prompt'] as const;

/** The same request as a chat. Throws `unsupported` or `invalid_request` for what a chat cannot say. */
export function toChat(request: ResponsesRequest): ChatRequest {
  for (const field of needsMemory)
    if (request[field] !== undefined && request[field] !== null && request[field] !== false)
      throw new FleetError(
        'unsupported',
        `${field}: nothing is kept between requests here. Send the whole conversation as input.`,
        {
          param: field,
        },
      );
  const { instructions, input, text, reasoning, stream } = request;
  const items = typeof input === 'string' ? [{ role: 'user' as const, content: input }] : input;
  const given = {
    model: request.model,
    messages: [
      ...(instructions ? [{ role: 'system' as const, content: instructions }] : []),
      ...withCallsJoined(items.flatMap((item, index) => messageOf(item, index))),
    ],
    max_completion_tokens: request.max_output_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    user: request.user,
    prompt_cache_key: request.prompt_cache_key,
    tools: request.tools?.map((tool, index) => toolOf(tool, index)),
    tool_choice: toolChoiceOf(request.tool_choice),
    parallel_tool_calls: request.parallel_tool_calls,
    response_format: formatOf(text?.format),
    reasoning_effort: reasoning?.effort,
    ...(stream === true ? { stream, stream_options: { include_usage: true } } : {}),
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  ) as ChatRequest;
}

type Message = ChatRequest['messages'][number];

function messageOf(item: Item, index: number): Message[] {
  const { type = 'message', call_id: callId = '', name = '', arguments: text = '' } = item;
  if (type === 'reasoning') return [];
  if (type === 'function_call')
    return [
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: callId, type: 'function', function: { name, arguments: text } }],
      },
    ];
  if (type === 'function_call_output')
    return [{ role: 'tool', tool_call_id: callId, content: textOf(item.output ?? '') }];
  if (type !== 'message' || item.role === undefined) {
    const what = type === 'message' ? `input[${index}].role` : `input[${index}].type`;
    throw new FleetError(
      'invalid_request',
      `${what}: "${type.slice(0, 40)}" needs to be a message with a role, a function_call or a function_call_output.`,
      {
        param: what,
      },
    );
  }
  return [{ role: item.role, content: contentOf(item.content ?? '') }];
}

/** Calls of one turn are one message of a chat, with the words before them. */
function withCallsJoined(messages: readonly Message[]): Message[] {
  const joined: Message[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    if (message.tool_calls && last?.role === 'assistant')
      joined[joined.length - 1] = { ...last, tool_calls: [...(last.tool_calls ?? []), ...message.tool_calls] };
    else joined.push(message);
  }
  return joined;
}

type Parts = z.infer<typeof part>[];

function contentOf(content: string | Parts): Message['content'] {
  if (typeof content === 'string') return content;
  if (content.every(({ text }) => text !== undefined)) return textOf(content);
  return content.map((each) =>
    each.text === undefined
      ? { type: 'image_url', image_url: { url: each['image_url'] } }
      : { type: 'text', text: each.text },
  );
}

const textOf = (content: string | Parts): string =>
  typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join('');

/** A chat nests what a response has beside the type. */
function toolOf({ type, ...rest }: Record<string, unknown> & { type: string }, index: number): { type: string } {
  if (type === 'function') return { type, function: rest } as { type: string };
  throw new FleetError('unsupported', `tools[${index}].type: "${type.slice(0, 40)}" is not run here. Send functions.`, {
    param: `tools[${index}].type`,
  });
}

function toolChoiceOf(choice: ResponsesRequest['tool_choice']): unknown {
  if (choice === undefined || choice === null || typeof choice === 'string') return choice;
  const { type, ...rest } = choice;
  return { type, function: rest };
}

function formatOf(format: z.infer<typeof formatSchema> | null | undefined): ChatRequest['response_format'] {
  if (!format || format.type === 'text') return undefined;
  const { type, ...rest } = format;
  return type === 'json_schema' ? { type, json_schema: rest } : { type };
}
