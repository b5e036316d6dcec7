import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterReference, ModelReference, RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import { Adapters } from './adapters/adapters.ts';
import { adapterOpener, pullAdapter } from './adapters/open-adapter.ts';
import type { Generator, LoadProgress } from './backend/backend.ts';
import { rowCosts } from './engine/drafter.ts';
import { EncoderEngine } from './engine/encoder-engine.ts';
import { Engine } from './engine/engine.ts';
import type { EngineObserver } from './engine/generation.ts';
import { weightsDigest } from './model/graph-cache.ts';
import { loadModel } from './model/load.ts';
import { memoryBytesMin } from './model/memory.ts';
import type { OpenModel } from './model/read.ts';
import { probe } from './probe.ts';
import { readBeside, readHere, type Reading } from './reading.ts';
import type { LoadedModel } from './resident.ts';
import { samplingDefaults, type ServedModel } from './served-model.ts';
import { pull } from './source/pull.ts';
import type { PullProgress, SourceConfig } from './source/source.ts';
import { assertRows, openText, type ModelText } from './text/model-text.ts';
import { tryText } from './text/trial.ts';
import { warmUp } from './warm-up.ts';

export type LoadParts = {
  source: SourceConfig;
  clock: Clock;
  onProgress: LoadProgress;
  observer: EngineObserver;
  signal: AbortSignal;
  /** What the model must be like in everything that its memory goes by; anything goes when left out. */
  like?: LoadedModel['identity'] | undefined;
  /** Answers meanwhile: the load takes no more of its time than it must, and its text files if they are the same. */
  beside?: LoadedModel | undefined;
  /** Memory that there is for it, in bytes; whatever it takes when left out. */
  freeBytes?: number | undefined;
  /** Adapters to load with it. */
  adapters: readonly AdapterReference[];
};

/**
 * A model's journey: pull, read, build or find the graph, load, and one answer to warm up. What was loaded is freed when a
 * later stage fails or the signal aborts.
 * Throws coded errors of sources (`source_*`, `digest_mismatch`) and models (`invalid_model`, `unsupported_model`), and
 * `conflict` for a model that is not like the one that it is to be like, or that there is no memory for.
 */
export async function loadServedModel(
  config: RuntimeConfig,
  reference: ModelReference,
  parts: LoadParts,
): Promise<LoadedModel> {
  const { location, revision, merge } = await pulled(reference, parts);
  const { beside, signal, onProgress } = parts;
  onProgress('reading the files', 0, 1);
  const task = { location, merged: merge, known: beside?.text.digest };
  const reading = beside ? await readBeside(task, signal) : readHere(task);
  const { model } = reading;
  if (parts.like) assertLike(model, parts.like);
  const { kvCacheDtype, slots, threads, speculation } = config.engine;
  const slotTokens = Math.min(config.engine.contextLength, model.contextLength);
  const { quantization, cacheDir } = config;
  if (parts.freeBytes !== undefined)
    assertFits(memoryBytesMin(model.description, { quantization, kvCacheDtype, slots, slotTokens }), parts.freeBytes);
  const text = await textOf(reading, parts);
  const adapters = config.adapters && { places: config.adapters.places, rankMax: config.adapters.rankMax };
  const draftTokensMax = speculation?.maxDraftTokens;
  const options = {
    kvCacheDtype,
    slots,
    slotTokens,
    threads,
    quantization,
    cacheDir,
    signal,
    onProgress,
    adapters,
    draftTokensMax,
    beside: beside !== undefined,
  };
  const digest = await weightsDigest(model, cacheDir);
  const loaded = await loadModel(model, options);
  try {
    const served =
      loaded.kind === 'encoder'
        ? serveEncoder(new EncoderEngine({ encoder: loaded, ...engineParts(config, parts) }), text, model)
        : await serveGenerator(loaded, { text, model }, config, parts);
    await probe(served, signal);
    signal.throwIfAborted();
    const { uri } = reference;
    const { family, task } = model;
    const shape = shapeOf(model, served.contextLength);
    const of = revision === undefined ? { uri } : { uri, revision };
    const identity = {
      ...of,
      digest,
      family,
      task,
      quantization: model.description.kind === 'encoder' ? 'float32' : quantization,
      shape,
    } as const;
    return { served, text, identity, memoryBytes: loaded.memoryBytes };
  } catch (error) {
    await loaded.release();
    throw error;
  }
}

async function pulled(
  { uri, revision, sha256, merge: adapters = [] }: ModelReference,
  { source, signal, onProgress: tell }: LoadParts,
): Promise<{ location: string; revision: string | undefined; merge: string[] }> {
  let resolved = revision;
  const onProgress = ({ name, doneBytes, totalBytes }: PullProgress): void =>
    tell(`downloading ${name}`, doneBytes, totalBytes ?? 0);
  const onRevision = (commit: string): void => void (resolved = commit);
  const location = await pull(uri, { ...source, revision, sha256, signal, onRevision, onProgress });
  const merge: string[] = [];
  for (const [at, adapter] of adapters.entries())
    merge.push(await pullAdapter(adapter, { source, signal, onProgress }, `model.merge[${at}]`));
  return { location, revision: resolved, merge };
}

/** All that can fail of texts fails before the weights are loaded. */
async function textOf({ model, textDigest, text: files }: Reading, { beside, signal }: LoadParts): Promise<ModelText> {
  if (files) {
    const text = openText(files, textDigest, model);
    await tryText(files, signal);
    return text;
  }
  if (beside?.text.digest !== textDigest) throw new Error('text files were left out that nobody has open');
  assertRows(beside.text.rows, model.vocabularySize);
  return beside.text;
}

const engineParts = ({ engine: { queueMax } }: RuntimeConfig, { clock, observer }: LoadParts) => ({
  clock,
  queueMax,
  ...observer,
});

function serveEncoder(engine: EncoderEngine, { tokenizer }: ModelText, { description }: OpenModel): ServedModel {
  const { dimensions } = engine;
  const { contextLength } = engine.stats();
  const own =
    description.kind === 'embedder'
      ? { endToken: description.endToken, dimensionsMin: description.dimensionsMin }
      : { endToken: undefined, dimensionsMin: dimensions };
  return { task: 'embed', tokenizer, engine, contextLength, ...own };
}

async function serveGenerator(
  generator: Generator,
  { text: { tokenizer, template, grammars, generation }, model }: { text: ModelText; model: OpenModel },
  config: RuntimeConfig,
  parts: LoadParts,
): Promise<ServedModel> {
  const { prefillChunkTokens, speculation } = config.engine;
  const draftTokensMax = speculation?.maxDraftTokens ?? 0;
  const shapes = { prefillChunkTokens, draftTokensMax, beside: parts.beside?.served.engine.stats() };
  const longestStepMs = await warmUp(generator, shapes, parts);
  const drafts = draftTokensMax > 0 ? { tokensMax: draftTokensMax, cost: rowCosts[config.quantization] } : undefined;
  return {
    task: 'generate',
    tokenizer,
    template,
    grammars,
    adapters: await loadedAdapters(generator, model, config, parts),
    engine: new Engine({ generator, prefillChunkTokens, longestStepMs, drafts, ...engineParts(config, parts) }),
    sampling: samplingDefaults(generation),
    contextLength: generator.slotTokens,
  };
}

async function loadedAdapters(
  { adapters: places }: Generator,
  { description }: OpenModel,
  config: RuntimeConfig,
  { source, signal, adapters: references, observer: { onAdapter } }: LoadParts,
): Promise<Adapters | undefined> {
  if (!places || !config.adapters || description.kind !== 'decoder') return undefined;
  const adapters = new Adapters({
    places,
    open: adapterOpener(description, source),
    namesMax: config.adapters.namesMax,
    waitingMax: config.engine.queueMax,
    taken: [config.servedName, 'auto'],
    onAdapter,
  });
  for (const reference of references) await adapters.add(reference, signal);
  return adapters;
}

function shapeOf({ description }: OpenModel, contextLength: number): LoadedModel['identity']['shape'] {
  const { layers, hiddenSize, heads, vocabularySize } = description;
  return { layers, hiddenSize, heads, vocabularySize, contextLength };
}

/** Of the shape that answers now: what is larger might take the process's memory, and with it the old model. */
function assertLike(model: OpenModel, { family, shape }: LoadedModel['identity']): void {
  const found = { family: model.family, ...shapeOf(model, shape.contextLength) };
  const wanted = { family, ...shape };
  const other = (Object.keys(wanted) as (keyof typeof wanted)[]).find((key) => found[key] !== wanted[key]);
  if (other === undefined) return;
  throw new FleetError(
    'conflict',
    `The new weights have another shape: ${other} is ${found[other]}, and ${wanted[other]} answers now; replace the process, or leave out sameShape.`,
    { param: 'model.uri' },
  );
}

/** Before anything is built of it: a process without memory is ended, with the model that answers. */
function assertFits(wantedBytes: number, freeBytes: number): void {
  if (wantedBytes <= freeBytes) return;
  const [wanted, free] = [wantedBytes, freeBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
  throw new FleetError(
    'conflict',
    `The new model takes ${wanted} MiB at least, and ${free} MiB are free beside the one that answers; replace the process.`,
    { param: 'model.uri' },
  );
}
