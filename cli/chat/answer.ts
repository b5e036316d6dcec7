import type { Clock } from '@qwenfleet/core/clock';
import type { FleetClient } from '../client.ts';
import { Failure } from '../failure.ts';
import { formatDuration, formatShare } from '../format.ts';
import { chunkSchema, explanationSchema, type Explanation, type StreamChunk } from '../wire.ts';

export type ChatMessage = { role: 'system' | 'user' | 'assistant'; content: string };
export type Question = { model: string; messages: ChatMessage[] };

export type Answer = {
  text: string;
  thought: string;
  /** The pool that answered; undefined when the endpoint does not say. */
  pool: string | undefined;
  decision: string | undefined;
  explanation: Explanation | undefined;
  finishReason: string | undefined;
  promptTokens: number | undefined;
  completionTokens: number | undefined;
  firstTokenMs: number | undefined;
  tokensPerSecond: number | undefined;
  /** True when the answer was stopped by the person who asked. */
  stopped: boolean;
};

export type AnswerSink = { onText?: (text: string) => void; onThought?: (text: string) => void };
type Running = Answer & { chunks: number; firstMs?: number; lastMs?: number };

/**
 * Asks, and hands over the answer piece by piece. Resolves with what was said and how fast.
 * Stopping it with the signal is not a failure; an error in the stream is, and so is a stream that just ends.
 */
export async function streamAnswer(
  client: FleetClient,
  question: Question,
  options: AnswerSink & { clock: Clock; signal?: AbortSignal },
): Promise<Answer> {
  const { clock, signal } = options;
  const startedMs = clock.nowMs();
  const answer = emptyAnswer();
  const explaining = explain(client, question, signal);
  try {
    const body = { ...question, stream: true, stream_options: { include_usage: true } };
    const { headers, events } = await client.stream('/v1/chat/completions', body, signal);
    answer.pool = headers('x-qwenfleet-pool');
    answer.decision = headers('x-qwenfleet-decision');
    await readEvents(events, answer, options);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    answer.stopped = true;
  }
  answer.explanation = await explaining;
  return timed(answer, startedMs);
}

/** The router's reasons, or undefined: an answer without its explanation is still an answer. */
export async function explain(
  client: FleetClient,
  question: Question,
  signal?: AbortSignal,
): Promise<Explanation | undefined> {
  try {
    return await client.post('/v1/route/explain', question, explanationSchema, signal);
  } catch {
    return undefined;
  }
}

async function readEvents(events: AsyncGenerator<string>, answer: Running, options: AnswerSink & { clock: Clock }) {
  let done = false;
  for await (const data of events) {
    if (data === '[DONE]') {
      done = true;
      continue;
    }
    const chunk = parseChunk(data);
    if (chunk.error) throw new Failure('failed', chunk.error.message);
    take(chunk, answer, options);
  }
  if (done || answer.finishReason !== undefined) return;
  throw new Failure('failed', 'The stream ended before the answer did; what is above is not complete.', {
    remedy: 'Ask again.',
  });
}

function parseChunk(data: string): StreamChunk {
  try {
    return chunkSchema.parse(JSON.parse(data));
  } catch (cause) {
    throw new Failure('failed', 'The endpoint sent something that is no chat stream.', { cause });
  }
}

function take(chunk: StreamChunk, answer: Running, { clock, onText, onThought }: AnswerSink & { clock: Clock }): void {
  if (chunk.usage) {
    answer.promptTokens = chunk.usage.prompt_tokens;
    answer.completionTokens = chunk.usage.completion_tokens;
  }
  const { text, thought, finish } = saidIn(chunk);
  answer.finishReason = finish ?? answer.finishReason;
  if (text === '' && thought === '') return;
  answer.lastMs = clock.nowMs();
  answer.firstMs ??= answer.lastMs;
  answer.chunks += 1;
  answer.text += text;
  answer.thought += thought;
  if (thought !== '') onThought?.(thought);
  if (text !== '') onText?.(text);
}

function saidIn(chunk: StreamChunk): { text: string; thought: string; finish: string | undefined } {
  const { delta, finish_reason: finish } = chunk.choices[0] ?? {};
  return {
    text: delta?.content ?? '',
    thought: delta?.reasoning_content ?? delta?.reasoning ?? '',
    finish: finish ?? undefined,
  };
}

const emptyAnswer = (): Running => ({
  text: '',
  thought: '',
  pool: undefined,
  decision: undefined,
  explanation: undefined,
  finishReason: undefined,
  promptTokens: undefined,
  completionTokens: undefined,
  firstTokenMs: undefined,
  tokensPerSecond: undefined,
  stopped: false,
  chunks: 0,
});

/** Tokens per second are those after the first, over the time they took. */
function timed({ chunks, firstMs, lastMs, ...answer }: Running, startedMs: number): Answer {
  if (firstMs === undefined || lastMs === undefined) return answer;
  const tokens = answer.completionTokens ?? chunks;
  const spanMs = lastMs - firstMs;
  return {
    ...answer,
    firstTokenMs: firstMs - startedMs,
    tokensPerSecond: tokens > 1 && spanMs > 0 ? ((tokens - 1) / spanMs) * 1000 : undefined,
  };
}

/** `small  91 % likely to answer well  0.2 s to first token  41 tokens/s  58 tokens`, and the reason below it. */
export function describeAnswer(answer: Answer): { facts: string; why: string | undefined } {
  const chance = answer.explanation?.pools.find((pool) => pool.name === answer.pool)?.p;
  const facts = [
    answer.pool,
    chance === undefined ? undefined : `${formatShare(chance)} likely to answer well`,
    answer.firstTokenMs === undefined ? undefined : `${formatDuration(answer.firstTokenMs)} to first token`,
    answer.tokensPerSecond === undefined ? undefined : `${answer.tokensPerSecond.toFixed(1)} tokens/s`,
    answer.completionTokens === undefined ? undefined : `${answer.completionTokens} tokens`,
    answer.finishReason === 'length' ? 'cut at the length limit' : undefined,
    answer.stopped ? 'stopped' : undefined,
  ];
  const words = answer.explanation?.words ?? '';
  return {
    facts: facts.filter((fact) => fact !== undefined).join(', '),
    why: words === '' ? answer.decision : words,
  };
}
