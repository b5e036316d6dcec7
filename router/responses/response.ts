import type { Usage } from '@qwenfleet/core/openai/usage';
import type { ResponsesRequest } from './request.ts';

export type MessageItem = {
  type: 'message';
  id: string;
  status: 'in_progress' | 'completed';
  role: 'assistant';
  content: { type: 'output_text'; text: string; annotations: never[]; logprobs: never[] }[];
};
export type CallItem = {
  type: 'function_call';
  id: string;
  status: 'in_progress' | 'completed';
  call_id: string;
  name: string;
  arguments: string;
};
export type ReasoningItem = {
  type: 'reasoning';
  id: string;
  summary: never[];
  content: { type: 'reasoning_text'; text: string }[];
};
export type OutputItem = MessageItem | CallItem | ReasoningItem;

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** What a chat says of itself, whole or in its chunks. */
export type ChatHead = { id: string; created: number; model: string };

export type ResponseState = {
  head: ChatHead;
  status: ResponseStatus;
  output: readonly OutputItem[];
  finish?: string | null;
  usage?: Usage | null | undefined;
  error?: { code: string; message: string } | null;
};

/** The object of POST /v1/responses, with what was asked for in it, as OpenAI's clients read it. */
export function responseObject(request: ResponsesRequest, state: ResponseState): Record<string, unknown> {
  const { head, status, output, finish, usage, error } = state;
  const echoed = Object.entries(unlessAsked).map(([field, value]) => [field, request[field] ?? value]);
  return {
    ...Object.fromEntries(echoed),
    id: `resp_${head.id}`,
    object: 'response',
    created_at: head.created,
    status,
    error: error ?? null,
    incomplete_details: status === 'incomplete' ? { reason: reasonOf(finish) } : null,
    model: head.model,
    output,
    previous_response_id: null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    store: false,
    text: { format: request.text?.format ?? { type: 'text' } },
    truncation: 'disabled',
    usage: usage ? usageOf(usage) : null,
  };
}

/** Fields of the request that its answer repeats, and what they are when they were not given. */
const unlessAsked: Record<string, unknown> = {
  instructions: null,
  max_output_tokens: null,
  parallel_tool_calls: true,
  temperature: null,
  tool_choice: 'auto',
  tools: [],
  top_p: null,
  user: null,
  metadata: {},
};

/** Did the model say all that it wanted? */
export const statusOf = (finish: string | null | undefined): 'completed' | 'incomplete' =>
  finish === 'length' || finish === 'content_filter' ? 'incomplete' : 'completed';

const reasonOf = (finish: string | null | undefined): string =>
  finish === 'content_filter' ? finish : 'max_output_tokens';

const usageOf = (usage: Usage): object => ({
  input_tokens: usage.prompt_tokens,
  input_tokens_details: { cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0 },
  output_tokens: usage.completion_tokens,
  output_tokens_details: { reasoning_tokens: usage.completion_tokens_details?.reasoning_tokens ?? 0 },
  total_tokens: usage.total_tokens,
});

export const messageItem = (id: string, text: string): MessageItem => ({
  type: 'message',
  id,
  status: 'completed',
  role: 'assistant',
  content: [textPart(text)],
});
export const textPart = (text: string): MessageItem['content'][number] => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
});
export const reasoningItem = (id: string, text: string): ReasoningItem => ({
  type: 'reasoning',
  id,
  summary: [],
  content: [{ type: 'reasoning_text', text }],
});
export const callItem = (id: string, call: { id: string; name: string; arguments: string }): CallItem => ({
  type: 'function_call',
  id,
  status: 'completed',
  call_id: call.id,
  name: call.name,
  arguments: call.arguments,
});
