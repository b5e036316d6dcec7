import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { OrtEncoder, type EncoderNames, type EncoderShape } from '../backend/ort/encoder.ts';
import { OrtGenerator, type DecoderShape } from '../backend/ort/generator.ts';
import type { Encoder, Generator, LoadOptions } from '../backend/backend.ts';
import { FleetError } from '@qwenfleet/core/errors';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { writeAside } from '../source/write-aside.ts';
import { sitesOf } from './adapter/projection.ts';
import { decoderNames } from './decoder-graph.ts';
import { embedderNames } from './embedder-graph.ts';
import { encoderNames } from './encoder-graph.ts';
import type { DecoderDescription, EmbedderDescription, EncoderDescription } from './family/family.ts';
import { graphFileName } from './build-graph.ts';
import { cachedGraph } from './graph-cache.ts';
import type { OpenModel } from './read.ts';

/**
 * Files in, a model in memory out: builds the graph unless the cache has it, and opens it.
 * Throws `invalid_model` or `unsupported_model` for files that cannot be served, `engine_failed` without memory or disk.
 */
export async function loadModel(
  model: OpenModel,
  options: LoadOptions & {
    quantization: Quantization;
    cacheDir: string;
    /** Another model answers meanwhile. */
    beside?: boolean | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<Generator | Encoder> {
  const { description } = model;
  if (options.adapters && description.kind !== 'decoder') {
    throw new FleetError('invalid_config', 'adapters: this model makes vectors, and takes none. Leave them out.', {
      param: 'adapters',
    });
  }
  const adapters = options.adapters !== undefined;
  const folder = await cachedGraph(model, { ...options, adapters, contextLength: options.slotTokens });
  options.signal?.throwIfAborted();
  const graphFile = path.join(folder, graphFileName);
  options.onProgress?.('loading the weights', 0, 1);
  const loaded =
    description.kind === 'decoder'
      ? await openedDecoder(graphFile, decoderShape(description), options)
      : await OrtEncoder.open(
          graphFile,
          encoderShape(description, options.slotTokens),
          encoderEnds(description),
          options.threads,
        );
  options.onProgress?.('loading the weights', 1, 1);
  return loaded;
}

/** A cache in int8 has scales that go by the model, and are kept beside its graph once they are found. */
async function openedDecoder(graphFile: string, shape: DecoderShape, options: LoadOptions): Promise<OrtGenerator> {
  const generator = await OrtGenerator.open(graphFile, shape, decoderNames, options);
  try {
    if (options.kvCacheDtype === 'int8') await withKvScales(generator, `${graphFile}.kv-scales`);
    return generator;
  } catch (error) {
    await generator.release();
    throw error;
  }
}

async function withKvScales(generator: OrtGenerator, file: string): Promise<void> {
  const scales = generator.kvScales;
  const kept = existsSync(file) ? readFileSync(file) : undefined;
  if (kept?.length === scales.byteLength) {
    scales.forEach((_, at) => (scales[at] = kept.readFloatLE(at * 4)));
    return;
  }
  await generator.findKvScales();
  const bytes = Buffer.alloc(scales.byteLength);
  scales.forEach((scale, at) => bytes.writeFloatLE(scale, at * 4));
  writeAside(file, bytes);
}

const decoderShape = (description: DecoderDescription): DecoderShape => ({
  ...description,
  sites: sitesOf(description),
});

/** An embedder's tables reach as far as the pool wants, an encoder's as far as it was trained. */
const encoderShape = (description: EncoderDescription | EmbedderDescription, slotTokens: number): EncoderShape => ({
  ...description,
  contextLength: Math.min(description.contextLength, slotTokens),
});

const encoderEnds = ({ kind }: EncoderDescription | EmbedderDescription): EncoderNames =>
  kind === 'encoder' ? encoderNames : embedderNames;
