import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';
import type { AdapterReference, ModelReference, RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import { Adapters } from './adapters/adapters.ts';
import { adapterOpener, pullAdapter } from './adapters/open-adapter.ts';
import type { Generator, LoadProgress } from './backend/backend.ts';
import { rowCosts } from './engine/drafter.ts';
import { EncoderEngine } from './engine/encoder-engine.ts';
import { Engine } from './engine/engine.ts';
import type { EngineObserver } from './engine/generation.ts';
import { withMerged } from './model/adapter/merge.ts';
import { weightsDigest } from './model/graph-cache.ts';
import { loadModel } from './model/load.ts';
import { memoryBytesMin } from './model/memory.ts';
import { readModel, type OpenModel } from './model/read.ts';
import { probe } from './probe.ts';
import type { LoadedModel } from './resident.ts';
import { samplingDefaults, type ServedModel } from './served-model.ts';
import { pull } from './source/pull.ts';
import type { PullProgress, SourceConfig } from './source/source.ts';
import { ChatTemplate } from './text/chat-template.ts';
import { Grammars } from './text/grammar/grammars.ts';
import { openTokenizer } from './text/hugging-face.ts';
import { readTextFiles, type TextFiles } from './text/model-files.ts';
import type { Tokenizer } from './text/tokenizer.ts';
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
  /** Memory that there is for it, in bytes; whatever it takes when left out. */
  freeBytes?: number | undefined;
  /** Adapters to load with it. */
  adapters: readonly AdapterReference[];
};

/** What a model's text files make of themselves: all that can fail of them fails before the weights are loaded. */
type Text = { files: TextFiles; tokenizer: Tokenizer; template: ChatTemplate | undefined };

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
  const model = withMerged(readModel(location), merge);
  if (parts.like) assertLike(model, parts.like);
  const { kvCacheDtype, slots, threads, speculation } = config.engine;
  const slotTokens = Math.min(config.engine.contextLength, model.contextLength);
  const { quantization, cacheDir } = config;
  if (parts.freeBytes !== undefined)
    assertFits(memoryBytesMin(model.description, { quantization, kvCacheDtype, slots, slotTokens }), parts.freeBytes);
  const text = readText(model);
  await tryText(text.files, parts.signal);
  const { signal, onProgress } = parts;
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
    return { served, identity, memoryBytes: loaded.memoryBytes };
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

function readText(model: OpenModel): Text {
  const files = readTextFiles(model);
  // Before it is opened: the library makes room for every number up to the largest.
  const ids = tokenIds(files);
  assertNumbered(ids);
  checkVocabulary(largest(ids) + 1, model.vocabularySize);
  const tokenizer = openTokenizer(files);
  checkVocabulary(tokenizer.vocabularySize, model.vocabularySize);
  const template = model.task === 'generate' ? ChatTemplate.open(files, tokenizer) : undefined;
  return { files, tokenizer, template };
}

const engineParts = ({ engine: { queueMax } }: RuntimeConfig, { clock, observer }: LoadParts) => ({
  clock,
  queueMax,
  ...observer,
});

function serveEncoder(engine: EncoderEngine, { tokenizer }: Text, { description }: OpenModel): ServedModel {
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
  { text: { tokenizer, template, files }, model }: { text: Text; model: OpenModel },
  config: RuntimeConfig,
  parts: LoadParts,
): Promise<ServedModel> {
  const { prefillChunkTokens, speculation } = config.engine;
  const draftTokensMax = speculation?.maxDraftTokens ?? 0;
  const longestStepMs = await warmUp(generator, { prefillChunkTokens, draftTokensMax }, parts);
  const drafts = draftTokensMax > 0 ? { tokensMax: draftTokensMax, cost: rowCosts[config.quantization] } : undefined;
  return {
    task: 'generate',
    tokenizer,
    template,
    grammars: new Grammars(tokenizer),
    adapters: await loadedAdapters(generator, model, config, parts),
    engine: new Engine({ generator, prefillChunkTokens, longestStepMs, drafts, ...engineParts(config, parts) }),
    sampling: samplingDefaults(files.generation),
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

/** A token that the graph has no row for would read beyond the embedding matrix. */
function checkVocabulary(tokens: number, rows: number): void {
  if (tokens <= rows) return;
  throw new FleetError(
    'invalid_model',
    `The tokenizer has ${tokens} tokens and the weights have ${rows}: they are not of the same model.`,
  );
}

/** Every number that a vocabulary gives a token; a list has them by its places. */
function tokenIds({ tokenizer: { model, added_tokens: added } }: TextFiles): unknown[] {
  const { vocab } = (model ?? {}) as { vocab?: unknown };
  const own = isObject(vocab) ? Object.values(vocab) : [];
  const others = Array.isArray(added) ? added.map((token: { id?: unknown } | null) => token?.id) : [];
  return [...own, ...others];
}

/** The engine would be asked for rows that there are not, or for half of one. */
function assertNumbered(ids: readonly unknown[]): void {
  const at = ids.findIndex((id) => !(Number.isInteger(id) && Number(id) >= 0));
  if (at === -1) return;
  const shown = (JSON.stringify(ids[at]) ?? 'nothing').slice(0, 60);
  throw new FleetError(
    'invalid_model',
    `tokenizer.json gives a token the number ${shown}; tokens are counted from 0. Pull the model again.`,
  );
}

/** Few tokens may have names, and one of them a number that is far beyond. */
const largest = (ids: readonly unknown[]): number => ids.reduce<number>((max, id) => Math.max(max, Number(id)), -1);
