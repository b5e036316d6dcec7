import type { ChatRequest } from '@qwenfleet/core/openai/request';
import type { ChatChunk, ChatCompletion, ChatDelta, ToolCall } from '@qwenfleet/core/openai/response';
import { choiceLogprobs, type AnswerEnd, type AnswerPiece } from '../text/answer-reader.ts';
import type { CalledFunction } from '../text/tools/format.ts';
import { usageOfChoices, type Call } from './call.ts';
import { gather, type AnswerStep } from './gather.ts';

/** The whole answer at once. */
export async function chatCompletion(
  steps: AsyncGenerator<AnswerStep>,
  request: ChatRequest,
  call: Call,
): Promise<ChatCompletion> {
  const answers = await gather(steps, request.n ?? 1);
  return {
    id: call.id,
    object: 'chat.completion',
    created: call.created,
    model: request.model,
    choices: answers.map(({ content, reasoning, calls, logprobs, end }, index) => ({
      index,
      message: {
        role: 'assistant',
        // As OpenAI has it: an answer of nothing but calls has no text at all.
        content: content === '' && calls.length > 0 ? null : content,
        ...(calls.length === 0 ? {} : { tool_calls: calls.map((called, at) => toolCall(called, call.id, index, at)) }),
        ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
        refusal: null,
      },
      logprobs: choiceLogprobs(request.logprobs === true, logprobs),
      finish_reason: end?.finishReason ?? 'stop',
    })),
    usage: usageOfChoices(
      answers.flatMap(({ end }) => end ?? []),
      call,
    ),
  };
}

/** The answer in chunks: the role first, then pieces, the finish reason last, and usage when it was asked for. */
export async function* chatChunks(
  steps: AsyncGenerator<AnswerStep>,
  request: ChatRequest,
  call: Call,
): AsyncGenerator<ChatChunk, void, void> {
  const withUsage = request.stream_options?.include_usage === true;
  const base = { id: call.id, object: 'chat.completion.chunk' as const, created: call.created, model: request.model };
  const usageField = withUsage ? { usage: null } : {};
  const chunk = (index: number, delta: ChatDelta, rest: Partial<ChatChunk['choices'][number]> = {}): ChatChunk => ({
    ...base,
    choices: [{ index, delta, logprobs: null, finish_reason: null, ...rest }],
    ...usageField,
  });
  const started = new Set<number>();
  const ends: AnswerEnd[] = [];
  const called = new Map<number, number>();
  for await (const step of steps) {
    const { index } = step;
    if (!started.has(index)) {
      started.add(index);
      yield chunk(index, { role: 'assistant', content: '' });
    }
    if ('end' in step) {
      ends.push(step.end);
      yield chunk(index, {}, { finish_reason: step.end.finishReason });
      continue;
    }
    const at = called.get(index) ?? 0;
    called.set(index, at + step.piece.calls.length);
    const logprobs = choiceLogprobs(request.logprobs === true, step.piece.logprobs);
    if (hasText(step.piece)) yield chunk(index, textDelta(step.piece), { logprobs });
    for (const delta of callDeltas(step.piece.calls, call.id, index, at)) yield chunk(index, delta);
  }
  const usage = usageOfChoices(ends, call);
  if (withUsage) yield { ...base, choices: [], usage };
}

/** Named after its answer, choice and place, so that no two of one conversation are alike. */
const toolCall = (called: CalledFunction, answer: string, choice: number, at: number): ToolCall => ({
  id: `call_${answer.replace(/^chatcmpl-/, '')}_${choice}_${at}`,
  type: 'function',
  function: { ...called },
});

const hasText = ({ content, reasoning, logprobs }: AnswerPiece): boolean =>
  content !== '' || reasoning !== '' || logprobs.length > 0;

const textDelta = ({ content, reasoning }: AnswerPiece): ChatDelta => ({
  ...(content === '' ? {} : { content }),
  ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
});

/** In OpenAI's order, which its clients need: all but the arguments first, then the arguments alone. */
const callDeltas = (calls: readonly CalledFunction[], answer: string, choice: number, from: number): ChatDelta[] =>
  calls.flatMap((each, nth) => {
    const index = from + nth;
    const { id, type, function: called } = toolCall(each, answer, choice, index);
    return [
      { tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] },
      { tool_calls: [{ index, function: { arguments: called.arguments } }] },
    ];
  });
