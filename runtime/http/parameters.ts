import { FleetError } from '@qwenfleet/core/errors';
import { maxTokensOf, type ChatRequest, type CompletionRequest } from '@qwenfleet/core/openai/request';
import type { GenerationRequest, SamplingParameters } from '../engine/generation.ts';
import type { SamplingDefaults, ServedGenerator } from '../served-model.ts';

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
  return new Map(
    Object.entries(bias ?? {}).map(([token, value]) => {
      const id = Number(token);
      if (Number.isInteger(id) && id >= 0) return [id, value];
      throw new FleetError('invalid_request', `logit_bias: keys are token numbers, got "${token}".`, {
        param: 'logit_bias',
      });
    }),
  );
}

export type Asked = {
  id: string;
  request: ChatRequest | CompletionRequest;
  model: ServedGenerator;
  promptTokens: number[];
  topLogprobs: number | undefined;
  /** Drawn for requests without a seed. */
  seed: number;
  signal: AbortSignal;
};

/** One generation for each of the `n` choices; their seeds differ, or they would all be the same. */
export function generationsOf({
  id,
  request,
  model,
  promptTokens,
  topLogprobs,
  seed,
  signal,
}: Asked): GenerationRequest[] {
  const maxTokens = maxTokensOf(request) ?? Number.MAX_SAFE_INTEGER;
  assertFits(promptTokens.length, maxTokensOf(request), model.contextLength);
  const sampling = samplingOf(request, model.sampling, seed);
  return Array.from({ length: request.n ?? 1 }, (_, choice) => ({
    id: `${id}-${choice}`,
    promptTokens,
    sampling: { ...sampling, seed: sampling.seed + choice },
    maxTokens,
    stopTokens: model.tokenizer.eosTokens,
    signal,
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
  }));
}

function assertFits(promptTokens: number, maxTokens: number | undefined, contextLength: number): void {
  const room = contextLength - promptTokens;
  if (room >= 1 && (maxTokens ?? 1) <= room) return;
  const answer = maxTokens === undefined ? '' : ` and max_tokens asks for ${maxTokens} more`;
  const remedy = room >= 1 ? `Ask for ${room} or fewer tokens` : 'Shorten the messages';
  throw new FleetError(
    'context_length_exceeded',
    `The prompt has ${promptTokens} tokens${answer}; this model's context holds ${contextLength}. ${remedy}, or ask a pool with a longer context.`,
    { param: room >= 1 ? 'max_tokens' : 'messages' },
  );
}

export const stopsOf = ({ stop }: Pick<ChatRequest, 'stop'>): string[] => [stop ?? []].flat();
