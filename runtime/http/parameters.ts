import { FleetError } from '@qwenfleet/core/errors';
import { maxTokensOf, type ChatRequest, type CompletionRequest } from '@qwenfleet/core/openai/request';
import type { GenerationRequest, SamplingParameters, TokenConstraint } from '../engine/generation.ts';
import type { SamplingDefaults, ServedGenerator } from '../served-model.ts';

/** Each costs time at every token. */
const biasesMax = 1_024;
/** What was held back is compared at every token. */
const stopCharsMax = 1_024;

type Sampled = Pick<
  ChatRequest & CompletionRequest,
  | 'temperature'
  | 'top_p'
  | 'top_k'
  | 'min_p'
  | 'presence_penalty'
  | 'frequency_penalty'
  | 'repetition_penalty'
  | 'logit_bias'
  | 'seed'
>;

/** What a request says about drawing tokens, and the model's own defaults where it is silent. */
export function samplingOf(request: Sampled, defaults: SamplingDefaults, seed: number): SamplingParameters {
  return {
    temperature: request.temperature ?? defaults.temperature,
    topP: request.top_p ?? defaults.topP,
    topK: request.top_k ?? defaults.topK,
    minP: request.min_p ?? defaults.minP,
    presencePenalty: request.presence_penalty ?? 0,
    frequencyPenalty: request.frequency_penalty ?? 0,
    repetitionPenalty: request.repetition_penalty ?? defaults.repetitionPenalty,
    logitBias: biasOf(request.logit_bias),
    seed: request.seed ?? seed,
  };
}

function biasOf(bias: Record<string, number> | null | undefined): ReadonlyMap<number, number> {
  const entries = Object.entries(bias ?? {});
  const stray = entries.map(([token]) => token).find((token) => !/^\d{1,9}$/.test(token));
  if (stray === undefined && entries.length <= biasesMax)
    return new Map(entries.map(([token, value]) => [Number(token), value]));
  const wrong =
    stray === undefined
      ? `it has ${entries.length} entries, and ${biasesMax} are the most`
      : `keys are token numbers, got "${stray.slice(0, 40)}"`;
  throw new FleetError('invalid_request', `logit_bias: ${wrong}.`, { param: 'logit_bias' });
}

export type Asked = {
  id: string;
  request: ChatRequest | CompletionRequest;
  model: ServedGenerator;
  promptTokens: number[];
  /** The field that the prompt came from, to name it when it is at fault. */
  promptParam: 'messages' | 'prompt';
  topLogprobs: number | undefined;
  promptLogprobs: boolean;
  /** What the answers have to be; one for each. */
  constraints?: (() => TokenConstraint) | undefined;
  /** Drawn for requests without a seed. */
  seed: number;
  signal: AbortSignal;
};

/** One generation for each of the `n` choices; their seeds differ, or they would all be the same. */
export function generationsOf(asked: Asked): GenerationRequest[] {
  const { id, request, model, promptTokens, topLogprobs, promptLogprobs, constraints, seed, signal } = asked;
  assertFits(asked);
  const sampling = samplingOf(request, model.sampling, seed);
  const promptGroup = (request.n ?? 1) > 1 && !promptLogprobs ? Symbol(id) : undefined;
  return Array.from({ length: request.n ?? 1 }, (_, choice) => ({
    id: `${id}-${choice}`,
    promptTokens,
    // To 32 bits first, as the generator takes it: above 2^53 adding one changes nothing.
    sampling: { ...sampling, seed: (sampling.seed >>> 0) + choice },
    priority: request.priority ?? 0,
    maxTokens: maxTokensOf(request) ?? Number.MAX_SAFE_INTEGER,
    stopTokens: model.tokenizer.eosTokens,
    promptLogprobs,
    signal,
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    ...(constraints ? { constraint: constraints() } : {}),
    ...(promptGroup ? { promptGroup } : {}),
  }));
}

function assertFits({ request, promptTokens, promptParam, model }: Asked): void {
  const { length } = promptTokens;
  if (length === 0) {
    throw new FleetError('invalid_request', `${promptParam}: there is no text in it; send some to go on from.`, {
      param: promptParam,
    });
  }
  const maxTokens = maxTokensOf(request);
  const room = model.contextLength - length;
  if (room >= 1 && (maxTokens ?? 1) <= room) return;
  const answer = maxTokens === undefined ? '' : ` and max_tokens asks for ${maxTokens} more`;
  const remedy = room >= 1 ? `Ask for ${room} or fewer tokens` : `Shorten the ${promptParam}`;
  throw new FleetError(
    'context_length_exceeded',
    `The prompt has ${length} tokens${answer}; this model's context holds ${model.contextLength}. ${remedy}, or ask a pool with a longer context.`,
    { param: room >= 1 ? 'max_tokens' : promptParam },
  );
}

/** Throws `invalid_request` for a stop string that is longer than any of use. */
export function stopsOf({ stop }: Pick<ChatRequest, 'stop'>): string[] {
  const stops = [stop ?? []].flat();
  if (stops.every(({ length }) => length <= stopCharsMax)) return stops;
  throw new FleetError('invalid_request', `stop: strings of ${stopCharsMax} characters at most.`, { param: 'stop' });
}
