import { FleetError } from '@qwenfleet/core/errors';
import type { CompletionRequest } from '@qwenfleet/core/openai/request';
import type { TextCompletion } from '@qwenfleet/core/openai/response';
import { readAnswer, type AnswerEnd } from '../text/answer-reader.ts';
import { guideOf } from '../text/grammar/guide.ts';
import type { ServedGenerator } from '../served-model.ts';
import { usageOfChoices, type Call } from './call.ts';
import { gather, type AnswerStep } from './gather.ts';
import { legacyLogprobs } from './legacy-logprobs.ts';
import { merge } from './merge.ts';
import { generationsOf, stopsOf } from './parameters.ts';

/** OpenAI's own default for this route. */
const maxTokensDefault = 16;

/** POST /v1/completions: a text, or the tokens of one, goes on. Several prompts at once are one request each. */
export function completionSteps(
  request: CompletionRequest,
  model: ServedGenerator,
  call: Call,
): AsyncGenerator<AnswerStep, void, void> {
  if (typeof request.suffix === 'string' && request.suffix !== '') throw unsupported('suffix');
  const promptTokens = promptOf(request.prompt, model);
  const topLogprobs = request.logprobs ?? undefined;
  const echo = request.echo === true;
  const guide = guideOf(request);
  const left = new AbortController();
  const generations = generationsOf({
    ...call,
    signal: AbortSignal.any([call.signal, left.signal]),
    request: { ...request, max_tokens: request.max_tokens ?? maxTokensDefault },
    model,
    promptTokens,
    promptParam: 'prompt',
    topLogprobs,
    promptLogprobs: echo && topLogprobs !== undefined,
    constraints: guide && model.grammars.constraints(guide),
  });
  const answers = generations.map((generation) =>
    readAnswer(model.engine.generate(generation), {
      tokenizer: model.tokenizer,
      stops: stopsOf(request),
      promptTokens: promptTokens.length,
      reasoning: undefined,
      ...(echo ? { echo: promptTokens } : {}),
    }),
  );
  return merge(answers, () => left.abort());
}

const unsupported = (param: string): FleetError =>
  new FleetError('unsupported', `${param}: this engine does not support it. Send the request without it.`, { param });

function promptOf(prompt: CompletionRequest['prompt'], { tokenizer }: ServedGenerator): number[] {
  if (typeof prompt === 'string') return tokenizer.encode(prompt, false);
  const tokens = prompt.filter((entry) => typeof entry === 'number');
  if (tokens.length === prompt.length) {
    const stray = tokens.find((token) => token >= tokenizer.vocabularySize);
    if (stray === undefined) return tokens;
    throw new FleetError(
      'invalid_request',
      `prompt: token ${stray} is not in the vocabulary of ${tokenizer.vocabularySize}.`,
      {
        param: 'prompt',
      },
    );
  }
  if (prompt.length === 1) return tokenizer.encode(String(prompt[0]), false);
  throw new FleetError('unsupported', `prompt: one text per request, got ${prompt.length}. Send a request for each.`, {
    param: 'prompt',
  });
}

/** The whole answer at once. */
export async function textCompletion(
  steps: AsyncGenerator<AnswerStep>,
  request: CompletionRequest,
  call: Call,
): Promise<TextCompletion> {
  const answers = await gather(steps, request.n ?? 1);
  const legacy = legacyLogprobs(request.logprobs);
  return {
    ...baseOf(request, call),
    choices: answers.map(({ content, logprobs, end }, index) => ({
      index,
      text: content,
      logprobs: legacy(index, logprobs),
      finish_reason: end?.finishReason ?? 'stop',
    })),
    usage: usageOfChoices(
      answers.flatMap(({ end }) => end ?? []),
      call,
    ),
  };
}

/** The answer in chunks. */
export async function* completionChunks(
  steps: AsyncGenerator<AnswerStep>,
  request: CompletionRequest,
  call: Call,
): AsyncGenerator<TextCompletion, void, void> {
  const withUsage = request.stream_options?.include_usage === true;
  const usageField = withUsage ? { usage: null } : {};
  const legacy = legacyLogprobs(request.logprobs);
  const ends: AnswerEnd[] = [];
  for await (const step of steps) {
    if ('end' in step) ends.push(step.end);
    const piece = 'piece' in step ? step.piece : { content: '', logprobs: [] };
    const { index } = step;
    const finish_reason = 'end' in step ? step.end.finishReason : null;
    if (finish_reason === null && piece.content === '' && piece.logprobs.length === 0) continue;
    const logprobs = legacy(index, piece.logprobs);
    const choice = { index, text: piece.content, logprobs, finish_reason };
    yield { ...baseOf(request, call), choices: [choice], ...usageField };
  }
  const usage = usageOfChoices(ends, call);
  if (withUsage) yield { ...baseOf(request, call), choices: [], usage };
}

const baseOf = (
  { model }: CompletionRequest,
  { id, created }: Call,
): Pick<TextCompletion, 'id' | 'object' | 'created' | 'model'> => ({
  id,
  object: 'text_completion',
  created,
  model,
});
