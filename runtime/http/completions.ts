import { FleetError } from '@qwenfleet/core/errors';
import type { CompletionRequest } from '@qwenfleet/core/openai/request';
import type { CompletionLogprobs, TextCompletion, TokenLogprob } from '@qwenfleet/core/openai/response';
import { readAnswer, type AnswerEnd, type AnswerPiece } from '../text/answer-reader.ts';
import type { ServedGenerator } from '../served-model.ts';
import { usageOfChoices, type Call } from './call.ts';
import { merge, type Merged } from './merge.ts';
import { generationsOf, stopsOf } from './parameters.ts';

type Step = Merged<AnswerPiece, AnswerEnd>;

/** OpenAI's own default for this route. */
const maxTokensDefault = 16;

/** POST /v1/completions: a text, or the tokens of one, goes on. Several prompts at once are one request each. */
export function completionSteps(
  request: CompletionRequest,
  model: ServedGenerator,
  call: Call,
): AsyncGenerator<Step, void, void> {
  if (request.echo === true) throw unsupported('echo');
  if (typeof request.suffix === 'string' && request.suffix !== '') throw unsupported('suffix');
  const promptTokens = promptOf(request.prompt, model);
  const topLogprobs = request.logprobs ?? undefined;
  const limited = { ...request, max_tokens: request.max_tokens ?? maxTokensDefault };
  const generations = generationsOf({ ...call, request: limited, model, promptTokens, topLogprobs });
  return merge(
    generations.map((generation) =>
      readAnswer(model.engine.generate(generation), {
        tokenizer: model.tokenizer,
        stops: stopsOf(request),
        promptTokens: promptTokens.length,
        reasoning: undefined,
      }),
    ),
  );
}

const unsupported = (param: string): FleetError =>
  new FleetError('unsupported', `${param}: this engine does not support it. Send the request without it.`, { param });

function promptOf(prompt: CompletionRequest['prompt'], { tokenizer }: ServedGenerator): number[] {
  if (typeof prompt === 'string') return nonEmpty(tokenizer.encode(prompt, false));
  const tokens = prompt.filter((entry) => typeof entry === 'number');
  if (tokens.length === prompt.length) {
    const stray = tokens.find((token) => token >= tokenizer.vocabularySize);
    if (stray === undefined) return nonEmpty(tokens);
    throw new FleetError(
      'invalid_request',
      `prompt: token ${stray} is not in the vocabulary of ${tokenizer.vocabularySize}.`,
      {
        param: 'prompt',
      },
    );
  }
  if (prompt.length === 1) return nonEmpty(tokenizer.encode(String(prompt[0]), false));
  throw new FleetError('unsupported', `prompt: one text per request, got ${prompt.length}. Send a request for each.`, {
    param: 'prompt',
  });
}

function nonEmpty(tokens: number[]): number[] {
  if (tokens.length > 0) return tokens;
  throw new FleetError('invalid_request', 'prompt: it is empty; send some text to go on from.', { param: 'prompt' });
}

/** The whole answer at once. */
export async function textCompletion(
  steps: AsyncGenerator<Step>,
  request: CompletionRequest,
  call: Call,
): Promise<TextCompletion> {
  const choices = Array.from({ length: request.n ?? 1 }, () => ({
    text: '',
    logprobs: [] as TokenLogprob[],
    end: undefined as AnswerEnd | undefined,
  }));
  for await (const step of steps) {
    const choice = choices[step.index];
    if (!choice) continue;
    if ('end' in step) choice.end = step.end;
    else {
      choice.text += step.piece.content;
      choice.logprobs.push(...step.piece.logprobs);
    }
  }
  return {
    ...baseOf(request, call),
    choices: choices.map(({ text, logprobs, end }, index) => ({
      index,
      text,
      logprobs: legacyLogprobs(request, logprobs, 0),
      finish_reason: end?.finishReason ?? 'stop',
    })),
    usage: usageOfChoices(choices.flatMap(({ end }) => end ?? [])),
  };
}

/** The answer in chunks. */
export async function* completionChunks(
  steps: AsyncGenerator<Step>,
  request: CompletionRequest,
  call: Call,
): AsyncGenerator<TextCompletion, void, void> {
  const withUsage = request.stream_options?.include_usage === true;
  const usageField = withUsage ? { usage: null } : {};
  const lengths = new Map<number, number>();
  const ends: AnswerEnd[] = [];
  for await (const step of steps) {
    const { index } = step;
    const ended = 'end' in step ? step.end : undefined;
    if (ended) ends.push(ended);
    const { content: text, logprobs } = 'piece' in step ? step.piece : { content: '', logprobs: [] };
    if (!ended && text === '' && logprobs.length === 0) continue;
    const offset = lengths.get(index) ?? 0;
    lengths.set(index, offset + text.length);
    const choice = {
      index,
      text,
      logprobs: legacyLogprobs(request, logprobs, offset),
      finish_reason: ended?.finishReason ?? null,
    };
    yield { ...baseOf(request, call), choices: [choice], ...usageField };
  }
  if (withUsage) yield { ...baseOf(request, call), choices: [], usage: usageOfChoices(ends) };
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

/** The older form: parallel lists. */
function legacyLogprobs(
  { logprobs: asked }: CompletionRequest,
  entries: readonly TokenLogprob[],
  from: number,
): CompletionLogprobs {
  if (asked === null || asked === undefined) return null;
  let offset = from;
  return {
    tokens: entries.map(({ token }) => token),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top_logprobs: top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: entries.map(({ token }) => {
      const at = offset;
      offset += token.length;
      return at;
    }),
  };
}
