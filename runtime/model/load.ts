import path from 'node:path';
import { OrtEncoder, type EncoderNames, type EncoderShape } from '../backend/ort/encoder.ts';
import { OrtGenerator } from '../backend/ort/generator.ts';
import type { Encoder, Generator, LoadOptions } from '../backend/backend.ts';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { decoderNames } from './decoder-graph.ts';
import { embedderNames } from './embedder-graph.ts';
import { encoderNames } from './encoder-graph.ts';
import type { EmbedderDescription, EncoderDescription } from './family/family.ts';
import { graphFileName } from './build-graph.ts';
import { cachedGraph } from './graph-cache.ts';
import type { OpenModel } from './read.ts';

/**
 * Files in, a model in memory out: builds the graph unless the cache has it, and opens it.
 * Throws `invalid_model` or `unsupported_model` for files that cannot be served, `engine_failed` without memory or disk.
 */
export async function loadModel(
  model: OpenModel,
  options: LoadOptions & { quantization: Quantization; cacheDir: string; signal?: AbortSignal | undefined },
): Promise<Generator | Encoder> {
  const folder = await cachedGraph(model, { ...options, contextLength: options.slotTokens });
  options.signal?.throwIfAborted();
  const graphFile = path.join(folder, graphFileName);
  options.onProgress?.('loading the weights', 0, 1);
  const { description } = model;
  const loaded =
    description.kind === 'decoder'
      ? await OrtGenerator.open(graphFile, description, decoderNames, options)
      : await OrtEncoder.open(
          graphFile,
          encoderShape(description, options.slotTokens),
          encoderEnds(description),
          options.threads,
        );
  options.onProgress?.('loading the weights', 1, 1);
  return loaded;
}

/** An embedder's tables reach as far as the pool wants, an encoder's as far as it was trained. */
const encoderShape = (description: EncoderDescription | EmbedderDescription, slotTokens: number): EncoderShape => ({
  ...description,
  contextLength: Math.min(description.contextLength, slotTokens),
});

const encoderEnds = ({ kind }: EncoderDescription | EmbedderDescription): EncoderNames =>
  kind === 'encoder' ? encoderNames : embedderNames;
