import type { Usage } from './usage.ts';

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export type TokenLogprob = {
  token: string;
  logprob: number;
  bytes: number[];
  top_logprobs: { token: string; logprob: number; bytes: number[] }[];
};
export type ChoiceLogprobs = { content: TokenLogprob[] } | null;

export type ToolCall = { id: string; type: 'function'; function: { name: string; arguments: string } };

export type ChatMessage = {
  role: 'assistant';
  content: string | null;
  reasoning_content?: string;
  tool_calls?: ToolCall[];
  refusal?: string | null;
};

export type ChatCompletion = {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  system_fingerprint?: string;
  choices: { index: number; message: ChatMessage; logprobs: ChoiceLogprobs; finish_reason: FinishReason }[];
  usage: Usage;
};

export type ChatDelta = {
  role?: 'assistant';
  content?: string;
  reasoning_content?: string;
  tool_calls?: {
    index: number;
    id?: string;
    type?: 'function';
    function: { name?: string; arguments?: string };
  }[];
};

/** One `data:` event of a chat stream. With `include_usage`, every chunk but the last has `usage: null`. */
export type ChatChunk = {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  system_fingerprint?: string;
  choices: { index: number; delta: ChatDelta; logprobs: ChoiceLogprobs; finish_reason: FinishReason | null }[];
  usage?: Usage | null;
};

export type CompletionLogprobs = {
  tokens: string[];
  /** Null for the first token of a prompt that is echoed: nothing stands before it. */
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
} | null;

export type TextCompletion = {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: { index: number; text: string; logprobs: CompletionLogprobs; finish_reason: FinishReason | null }[];
  usage?: Usage | null;
};

export type EmbeddingResponse = {
  object: 'list';
  model: string;
  data: { object: 'embedding'; index: number; embedding: number[] | string }[];
  usage: { prompt_tokens: number; total_tokens: number };
};

/** One row of GET /v1/models; from `status` on they are ours, honest about pools at zero, but for vLLM's `parent`. */
export type ModelEntry = {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
  status?: 'ready' | 'starting' | 'scaled-to-zero' | 'unavailable';
  pool?: string;
  tier?: string;
  context_length?: number;
  /** Of an adapter: the model that it is added to. */
  parent?: string;
};
export type ModelList = { object: 'list'; data: ModelEntry[] };
