import { FleetError } from '@qwenfleet/core/errors';
import type { ChatRequest } from '@qwenfleet/core/openai/request';
import type { ChatChunk, ChatCompletion, ChatDelta } from '@qwenfleet/core/openai/response';
import { choiceLogprobs, readAnswer, type AnswerEnd, type AnswerPiece } from '../text/answer-reader.ts';
import type { ServedGenerator } from '../served-model.ts';
import { merge, type Merged } from './merge.ts';
import { generationsOf, stopsOf } from './parameters.ts';
import { usageOfChoices, type Call } from './call.ts';

type Step = Merged<AnswerPiece, AnswerEnd>;

/** POST /v1/chat/completions: what is asked becomes generations, one for each choice. */
export function chatSteps(request: ChatRequest, model: ServedGenerator, call: Call): AsyncGenerator<Step, void, void> {
  refuseUnsupported(request);
  if (!model.template) {
    throw new FleetError('unsupported', 'model: it has no chat template; it completes texts at POST /v1/completions.', {
      param: 'model',
    });
  }
  const prompt = model.template.prompt(request.messages, request.chat_template_kwargs ?? {});
  const topLogprobs = request.logprobs === true ? (request.top_logprobs ?? 0) : undefined;
  const left = new AbortController();
  const generations = generationsOf({
    ...call,
    signal: AbortSignal.any([call.signal, left.signal]),
    request,
    model,
    promptTokens: prompt.tokens,
    promptParam: 'messages',
    topLogprobs,
    promptLogprobs: false,
  });
  const answers = generations.map((generation) =>
    readAnswer(model.engine.generate(generation), {
      tokenizer: model.tokenizer,
      stops: stopsOf(request),
      promptTokens: prompt.tokens.length,
      reasoning: { thinks: prompt.thinks },
    }),
  );
  return merge(answers, () => left.abort());
}

function refuseUnsupported(request: ChatRequest): void {
  const wantsTools = (request.tools?.length ?? 0) > 0 && request.tool_choice !== 'none';
  const format = request.response_format?.type;
  const param = wantsTools ? 'tools' : format !== undefined && format !== 'text' ? 'response_format' : undefined;
  if (param === undefined) return;
  throw new FleetError('unsupported', `${param}: this engine does not support it. Send the request without it.`, {
    param,
  });
}

/** The whole answer at once. */
export async function chatCompletion(
  steps: AsyncGenerator<Step>,
  request: ChatRequest,
  call: Call,
): Promise<ChatCompletion> {
  const choices = Array.from({ length: request.n ?? 1 }, () => ({
    content: '',
    reasoning: '',
    logprobs: [] as AnswerPiece['logprobs'],
    end: undefined as AnswerEnd | undefined,
  }));
  for await (const step of steps) {
    const choice = choices[step.index];
    if (!choice) continue;
    if ('end' in step) choice.end = step.end;
    else {
      choice.content += step.piece.content;
      choice.reasoning += step.piece.reasoning;
      choice.logprobs.push(...step.piece.logprobs);
    }
  }
  return {
    id: call.id,
    object: 'chat.completion',
    created: call.created,
    model: request.model,
    choices: choices.map(({ content, reasoning, logprobs, end }, index) => ({
      index,
      message: {
        role: 'assistant',
        content,
        ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
        refusal: null,
      },
      logprobs: choiceLogprobs(request.logprobs === true, logprobs),
      finish_reason: end?.finishReason ?? 'stop',
    })),
    usage: usageOfChoices(choices.flatMap(({ end }) => end ?? [])),
  };
}

/** The answer in chunks: the role first, then pieces, the finish reason last, and usage when it was asked for. */
export async function* chatChunks(
  steps: AsyncGenerator<Step>,
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
    const { content, reasoning, logprobs } = step.piece;
    if (content === '' && reasoning === '' && logprobs.length === 0) continue;
    const delta = {
      ...(content === '' ? {} : { content }),
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    };
    yield chunk(index, delta, { logprobs: choiceLogprobs(request.logprobs === true, logprobs) });
  }
  if (withUsage) yield { ...base, choices: [], usage: usageOfChoices(ends) };
}
