import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { Generator, LoadProgress, StepRow } from './backend/backend.ts';
import { EncoderEngine } from './engine/encoder-engine.ts';
import { Engine } from './engine/engine.ts';
import type { EngineObserver } from './engine/generation.ts';
import { loadModel } from './model/load.ts';
import { readModel } from './model/read.ts';
import { samplingDefaults, type ServedModel } from './served-model.ts';
import { pull } from './source/pull.ts';
import type { SourceConfig } from './source/source.ts';
import { ChatTemplate } from './text/chat-template.ts';
import { openTokenizer } from './text/hugging-face.ts';
import { readTextFiles } from './text/model-files.ts';

export type LoadParts = { source: SourceConfig; clock: Clock; onProgress: LoadProgress; observer: EngineObserver };

/**
 * A model's journey: pull, read, build or find the graph, load, and one answer to warm up.
 * Throws coded errors of sources (`source_*`, `digest_mismatch`) and models (`invalid_model`, `unsupported_model`).
 */
export async function loadServedModel(config: RuntimeConfig, parts: LoadParts): Promise<ServedModel> {
  const { uri, revision, sha256 } = config.model;
  const location = await pull(uri, {
    ...parts.source,
    revision,
    sha256,
    onProgress: ({ name, doneBytes, totalBytes }) =>
      parts.onProgress(`downloading ${name}`, doneBytes, totalBytes ?? 0),
  });
  const model = readModel(location);
  const files = readTextFiles(model);
  const tokenizer = openTokenizer(files);
  checkVocabulary(tokenizer.vocabularySize, model.vocabularySize);
  const { slots, threads, prefillChunkTokens, queueMax } = config.engine;
  const slotTokens = Math.min(config.engine.contextLength, model.contextLength);
  const { quantization, cacheDir } = config;
  const loaded = await loadModel(model, {
    slots,
    slotTokens,
    threads,
    quantization,
    cacheDir,
    onProgress: parts.onProgress,
  });
  if (loaded.kind === 'encoder') {
    const engine = new EncoderEngine({ encoder: loaded, clock: parts.clock, queueMax, ...parts.observer });
    const served: ServedModel = {
      task: 'embed',
      tokenizer,
      engine,
      contextLength: Math.min(slotTokens, loaded.tokensMax),
    };
    await probe(served);
    return served;
  }
  const engine = new Engine({
    generator: loaded,
    clock: parts.clock,
    prefillChunkTokens,
    queueMax,
    ...parts.observer,
  });
  const served: ServedModel = {
    task: 'generate',
    tokenizer,
    template: ChatTemplate.open(files, tokenizer),
    engine,
    sampling: samplingDefaults(files.generation),
    contextLength: slotTokens,
  };
  await warmUp(loaded, prefillChunkTokens);
  await probe(served);
  return served;
}

/** The first run of each shape plans its memory: done here, or the first users would wait for it. */
async function warmUp(generator: Generator, prefillChunkTokens: number): Promise<void> {
  const row = (tokens: number): StepRow => ({ tokens: Array.from({ length: tokens }, () => 0), past: 0 });
  const chunk = Math.min(prefillChunkTokens, generator.slotTokens - 1);
  await generator.step({ firstSlot: 0, rows: [row(chunk)], wantLogits: true });
  for (let count = 1; count <= generator.slots; count += 1) {
    await generator.step({ firstSlot: 0, rows: Array.from({ length: count }, () => row(1)), wantLogits: true });
  }
}

/** One token through the engine, or one vector through the encoder: what a health check can trust. */
export async function probe(model: ServedModel, signal: AbortSignal = new AbortController().signal): Promise<void> {
  if (model.task === 'embed') {
    await model.engine.encode({ inputs: [model.tokenizer.encodeWhole('probe')], internal: true, signal });
    return;
  }
  const request = {
    id: 'probe',
    promptTokens: model.tokenizer.encode('probe', false),
    sampling: {
      ...model.sampling,
      temperature: 0,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: new Map(),
      seed: 0,
    },
    maxTokens: 1,
    stopTokens: new Set<number>(),
    internal: true,
    signal,
  };
  for await (const _ of model.engine.generate(request));
}

/** A token that the graph has no row for would read beyond the embedding matrix. */
function checkVocabulary(tokens: number, rows: number): void {
  if (tokens <= rows) return;
  throw new FleetError(
    'invalid_model',
    `The tokenizer has ${tokens} tokens and the weights have ${rows}: they are not of the same model.`,
  );
}
