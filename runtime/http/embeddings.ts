import { FleetError } from '@qwenfleet/core/errors';
import type { EmbeddingRequest } from '@qwenfleet/core/openai/request';
import type { EmbeddingResponse } from '@qwenfleet/core/openai/response';
import { encodedWhole, type ServedEncoder } from '../served-model.ts';

/** POST /v1/embeddings: one vector for each text. A text that is too long is refused, never cut in silence. */
export async function embeddings(
  request: EmbeddingRequest,
  served: ServedEncoder,
  signal: AbortSignal,
): Promise<EmbeddingResponse> {
  const { engine, tokenizer, contextLength } = served;
  const dimensions = dimensionsOf(request, served);
  const inputs = inputsOf(request.input).map((input) =>
    typeof input === 'string' ? encodedWhole(served, input) : input,
  );
  inputs.forEach((tokens, index) =>
    assertUsable(tokens, index, { contextLength, vocabularySize: tokenizer.vocabularySize }),
  );
  const vectors = (await engine.encode({ inputs, signal })).map((vector) => shortened(vector, dimensions));
  const tokens = inputs.reduce((sum, input) => sum + input.length, 0);
  return {
    object: 'list',
    model: request.model,
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: request.encoding_format === 'base64' ? base64Of(vector) : [...vector],
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function dimensionsOf({ dimensions }: EmbeddingRequest, { engine, dimensionsMin }: ServedEncoder): number {
  const wanted = dimensions ?? engine.dimensions;
  if (wanted >= dimensionsMin && wanted <= engine.dimensions) return wanted;
  const has = dimensionsMin < engine.dimensions ? `${dimensionsMin} to ${engine.dimensions}` : engine.dimensions;
  throw new FleetError('unsupported', `dimensions: this model has ${has}, got ${wanted}. Leave the field out.`, {
    param: 'dimensions',
  });
}

/** The first values, scaled to length 1, as models that are trained for it want (arXiv 2205.13147). */
function shortened(vector: Float32Array, dimensions: number): Float32Array {
  if (dimensions === vector.length) return vector;
  const first = vector.slice(0, dimensions);
  const length = Math.hypot(...first);
  return length === 0 ? first : first.map((value) => value / length);
}

function inputsOf(input: EmbeddingRequest['input']): (string | number[])[] {
  if (typeof input === 'string') return [input];
  const numbers = input.filter((entry) => typeof entry === 'number');
  return numbers.length === input.length ? [numbers] : input.filter((entry) => typeof entry !== 'number');
}

function assertUsable(
  tokens: readonly number[],
  index: number,
  limits: { contextLength: number; vocabularySize: number },
): void {
  const param = `input[${index}]`;
  if (tokens.length === 0) throw new FleetError('invalid_request', `${param}: it is empty; send some text.`, { param });
  if (tokens.length > limits.contextLength) {
    throw new FleetError(
      'context_length_exceeded',
      `${param}: it has ${tokens.length} tokens, and this model reads ${limits.contextLength}. Cut it into parts.`,
      { param },
    );
  }
  const stray = tokens.find((token) => token >= limits.vocabularySize);
  if (stray === undefined) return;
  throw new FleetError(
    'invalid_request',
    `${param}: token ${stray} is not in the vocabulary of ${limits.vocabularySize}.`,
    { param },
  );
}

/** Little-endian float32, as OpenAI's clients decode it. */
function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
