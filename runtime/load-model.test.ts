import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';
import { runtimeConfigSchema, type RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import { silentLogger } from '@qwenfleet/core/log';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { nativeBytes } from './backend/ort/memory.ts';
import { nativeObjects } from './backend/ort/session.ts';
import { adapterFolder } from './fixtures/adapter.ts';
import { checkpointFolder, publishedCheckpoint, trainedOn, type Family } from './fixtures/checkpoint.ts';
import { collect, rejection, requestOf } from './fixtures/generation.ts';
import { chat, eventsOf } from './fixtures/served.ts';
import { createApp } from './http/app.ts';
import { loadServedModel, type LoadParts } from './load-model.ts';
import type { LoadedModel } from './resident.ts';
import { encodedWhole } from './served-model.ts';
import { Service } from './service.ts';

const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-load-'));
const made: string[] = [cacheDir];
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const open: LoadedModel[] = [];
afterEach(async () => {
  for (const { served } of open.splice(0)) await served.engine.release();
  // Whatever happened, nothing may stay in native memory.
  expect(nativeObjects()).toEqual({ sessions: 0, weights: 0, tensors: 0 });
  expect(nativeBytes()).toBe(0);
});

function published(family: Family = 'qwen3'): string {
  const folder = publishedCheckpoint(family);
  made.push(path.dirname(folder));
  return folder;
}

const configOf = (folder: string, changes: object = {}): RuntimeConfig =>
  runtimeConfigSchema.parse({
    servedName: 'tiny',
    model: { uri: `file://${folder}` },
    quantization: 'float32',
    cacheDir,
    engine: { slots: 4, contextLength: 128, threads: 1 },
    ...changes,
  });

const partsOf = (changes: Partial<LoadParts> = {}): LoadParts => ({
  source: { cacheDir, hub: { endpoint: 'http://127.0.0.1:9', token: undefined, cacheDir: path.join(cacheDir, 'hub') } },
  clock: systemClock,
  observer: {},
  adapters: [],
  onProgress: () => undefined,
  signal: new AbortController().signal,
  ...changes,
});

async function load(folder: string, changes: object = {}, parts: Partial<LoadParts> = {}): Promise<LoadedModel> {
  const config = configOf(folder, changes);
  const loaded = await loadServedModel(config, config.model, partsOf(parts));
  open.push(loaded);
  return loaded;
}
const failure = (folder: string, changes: object = {}, parts: Partial<LoadParts> = {}): Promise<unknown> =>
  rejection(load(folder, changes, parts));

describe('a model’s journey', () => {
  it('ends with one that answers, and says what it is', async () => {
    const phases: string[] = [];
    const folder = published();
    const { served, identity, memoryBytes } = await load(folder, {}, { onProgress: (phase) => phases.push(phase) });
    expect(identity).toMatchObject({
      uri: `file://${folder}`,
      family: 'qwen3',
      task: 'generate',
      quantization: 'float32',
      shape: { layers: 2, hiddenSize: 64, heads: 4, vocabularySize: 384, contextLength: 128 },
    });
    expect(phases).toContain('loading the weights');
    expect(memoryBytes).toBeGreaterThan(2 ** 20);
    if (served.task !== 'generate') throw new Error('it generates');
    expect(served.sampling).toEqual({ temperature: 0.6, topK: 20, topP: 0.95, minP: 0, repetitionPenalty: 1 });
    expect(served.engine.stats()).toMatchObject({ slots: 4, contextLength: 128 });
    expect(served.engine.stats().longestStepMs).toBeGreaterThan(0);
    expect((await collect(served.engine, requestOf([1, 2, 3]))).tokens).toHaveLength(10);
  });

  it.each([
    ['guesses where the configuration says so, with one slot too', { speculation: { maxDraftTokens: 8 } }, true],
    ['no guesses where it says none', { speculation: { maxDraftTokens: 0 } }, false],
    ['no guesses where it says nothing', {}, false],
  ])('ends with %s', async (_name, more, guesses) => {
    let drafted = 0;
    const engine = { slots: 1, contextLength: 128, threads: 1, ...more };
    const observer: LoadParts['observer'] = { onStep: (step) => (drafted += step.drafted) };
    const { served } = await load(published(), { engine }, { observer });
    if (served.task !== 'generate') throw new Error('it generates');
    // An untrained model soon says the same again and again.
    await collect(served.engine, requestOf([1, 2, 3], { maxTokens: 100 }));
    expect(drafted > 0).toBe(guesses);
  });

  it('ends with vectors for a model that makes them', async () => {
    const folder = published('bert');
    const { served, identity } = await load(folder, { quantization: 'int8' });
    expect(identity).toMatchObject({ task: 'embed', family: 'bert', quantization: 'float32' });
    if (served.task !== 'embed') throw new Error('it embeds');
    const [vector] = await served.engine.encode({ inputs: [[5, 6]], signal: new AbortController().signal });
    expect(vector).toHaveLength(64);
  });

  it('closes every text with the token whose state Qwen3-Embedding takes, once', async () => {
    const { served, identity } = await load(published('qwen3-embedding'), { quantization: 'int8' });
    expect(identity).toMatchObject({ task: 'embed', family: 'qwen3-embedding', quantization: 'int8' });
    if (served.task !== 'embed') throw new Error('it embeds');
    const plain = served.tokenizer.encodeWhole('ab');
    expect(plain).toHaveLength(2);
    expect(encodedWhole(served, 'ab')).toEqual([...plain, 2]);
    const closing = { ...served.tokenizer, encodeWhole: () => [...plain, 2] };
    expect(encodedWhole({ ...served, tokenizer: closing }, 'ab')).toEqual([...plain, 2]);
    const [vector] = await served.engine.encode({
      inputs: [encodedWhole(served, 'ab')],
      signal: new AbortController().signal,
    });
    expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5);
  });

  it('reads no further with vectors than the pool’s context', async () => {
    const { served } = await load(published('qwen3-embedding'), {
      engine: { slots: 1, contextLength: 16, threads: 1 },
    });
    if (served.task !== 'embed') throw new Error('it embeds');
    expect(served.contextLength).toBe(16);
    const inputs = [Array.from({ length: 17 }, () => 3)];
    const outcome = rejection(served.engine.encode({ inputs, signal: new AbortController().signal }));
    expect(await outcome).toMatchObject({ code: 'context_length_exceeded' });
  });

  it('that is to be like another one ends before it takes memory when it is not', async () => {
    const like = (await load(published('qwen3'))).identity;
    const phases: string[] = [];
    const parts: Partial<LoadParts> = { like, onProgress: (phase) => phases.push(phase) };
    expect(await failure(published('qwen2'), {}, parts)).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('family is qwen2, and qwen3 answers now') as unknown,
    });
    expect(
      await failure(published(), {}, { ...parts, like: { ...like, shape: { ...like.shape, layers: 3 } } }),
    ).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('layers is 2, and 3 answers now') as unknown,
    });
    expect(phases.filter((phase) => phase.includes('loading'))).toEqual([]);
    expect((await load(published(), {}, parts)).identity.shape).toEqual(like.shape);
  });

  it('beside a model of the same text files opens none of them again, and others of its own', async () => {
    const folder = published();
    const beside = await load(folder);
    const next = trainedOn(folder);
    made.push(path.dirname(next));
    const same = await load(next, {}, { beside });
    expect(same.identity.digest).not.toBe(beside.identity.digest);
    expect(same.text).toBe(beside.text);
    expect(same.served.tokenizer).toBe(beside.served.tokenizer);
    writeFileSync(path.join(next, 'generation_config.json'), JSON.stringify({ temperature: 0.1 }));
    const other = await load(next, {}, { beside });
    expect(other.served.tokenizer).not.toBe(beside.served.tokenizer);
    if (other.served.task !== 'generate') throw new Error('it generates');
    expect(other.served.sampling.temperature).toBe(0.1);
    expect(other.served.tokenizer.encode('hello', false)).toEqual(beside.served.tokenizer.encode('hello', false));
  });

  it('beside a model answers as it does alone, adapters and merged ones too', async () => {
    const folder = published();
    const uri = `file://${adapterFolder(checkpointFolder('qwen3'), { magnitude: 0.4 })}`;
    const model = { uri: `file://${folder}`, merge: [{ uri }] };
    const alone = await load(folder, { model });
    const beside = await load(folder);
    const fresh = mkdtempSync(path.join(tmpdir(), 'qwenfleet-load-'));
    made.push(fresh, path.dirname(uri.slice('file://'.length)));
    const next = await load(folder, { model, cacheDir: fresh }, { beside });
    const answers: number[][] = [];
    for (const { served } of [alone, next, beside]) {
      if (served.task !== 'generate') throw new Error('it generates');
      answers.push((await collect(served.engine, requestOf([1, 2, 3]))).tokens);
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).not.toEqual(answers[0]);
    expect(next.identity.digest).toBe(alone.identity.digest);
  });

  it('has no more context than the model was trained for', async () => {
    const { identity } = await load(published(), { engine: { slots: 1, contextLength: 4_096, threads: 1 } });
    expect(identity.shape.contextLength).toBe(256);
  });

  it('finds the graph of an earlier start, under whatever name the checkpoint lies', async () => {
    const folder = published('llama');
    await load(folder);
    const graphs = readdirSync(path.join(cacheDir, 'graphs'));
    await load(published('llama'));
    expect(readdirSync(path.join(cacheDir, 'graphs'))).toEqual(graphs);
  });
});

describe('a load that fails leaves nothing in memory', () => {
  const broken = (name: string, change: (text: string) => string): string => {
    const folder = published();
    const file = path.join(folder, name);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
    return folder;
  };

  const cut = (): string => {
    const folder = published();
    truncateSync(path.join(folder, 'model.safetensors'), 200_000);
    return folder;
  };
  const withMoreTokens = (): string =>
    broken('tokenizer.json', (text) => {
      const json = JSON.parse(text) as { model: { vocab: Record<string, number> } };
      for (let id = 260; id < 400; id += 1) json.model.vocab[`word${id}`] = id;
      return JSON.stringify(json);
    });

  it.each<[string, () => string, string]>([
    ['weights that are cut', cut, 'invalid_model'],
    [
      'a template that cannot be read',
      () => broken('tokenizer_config.json', () => '{"chat_template": "{% if %}"}'),
      'invalid_model',
    ],
    ['a tokenizer of another model', withMoreTokens, 'invalid_model'],
    [
      'a family that we do not know',
      () => broken('config.json', (text) => text.replace('Qwen3ForCausalLM', 'MambaForCausalLM')),
      'unsupported_model',
    ],
  ])('because of %s', async (_name, make, code) => {
    expect(await failure(make())).toMatchObject({ code });
  });

  it('because its weights have fewer rows than the text that it shares has tokens', async () => {
    const folder = published();
    const larger = await load(folder);
    const beside = { ...larger, text: { ...larger.text, rows: 385 } };
    expect(await failure(folder, {}, { beside })).toMatchObject({
      code: 'invalid_model',
      message: expect.stringContaining('385 tokens and the weights have 384') as unknown,
    });
  });

  it('because there is less memory than it takes, before anything is built of it', async () => {
    const fresh = mkdtempSync(path.join(tmpdir(), 'qwenfleet-load-'));
    made.push(fresh);
    const outcome = await failure(published(), { cacheDir: fresh }, { freeBytes: 500_000 });
    expect(outcome).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(/takes \d MiB .* 1 MiB are free/),
    });
    expect(readdirSync(fresh)).toEqual([]);
  });

  it('because nobody wants it any more, at any stage', async () => {
    const folder = published();
    for (const phase of ['building the graph', 'loading the weights']) {
      const ending = new AbortController();
      const fresh = mkdtempSync(path.join(tmpdir(), 'qwenfleet-load-'));
      made.push(fresh);
      const onProgress = (at: string): void => {
        if (at === phase) ending.abort(new Error('the server is stopping'));
      };
      const outcome = await failure(folder, { cacheDir: fresh }, { onProgress, signal: ending.signal });
      expect(outcome, phase).toMatchObject({ message: 'the server is stopping' });
    }
  });
});

describe('an exchange of real weights', () => {
  it('under streams loses none, and frees the old model', async () => {
    const folder = published();
    const next = trainedOn(folder);
    made.push(path.dirname(next));
    const config = configOf(folder);
    let last: LoadedModel | undefined;
    const service = new Service({
      config,
      clock: systemClock,
      rng: () => 0.5,
      log: silentLogger,
      freeMemory: () => 1e12,
      load: async (model, parts) => (last = await loadServedModel(config, model, { ...partsOf(), ...parts })),
    });
    await service.start();
    const one = { objects: nativeObjects(), bytes: nativeBytes() };
    expect(one.objects).toMatchObject({ sessions: 1, weights: 1 });
    const app = createApp(service);
    const ask = async (index: number): Promise<string> => {
      const body = chat({
        messages: [{ role: 'user', content: `tale ${index}` }],
        temperature: 0,
        max_tokens: 60,
        stream: true,
      });
      const response = await app.request('/v1/chat/completions', { method: 'POST', body: JSON.stringify(body) });
      expect(response.status).toBe(200);
      const events = (await eventsOf(response)) as { error?: object; choices?: { delta: { content?: string } }[] }[];
      for (const event of events) expect(event.error).toBeUndefined();
      return events.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('');
    };
    const all = [0, 1, 2, 3, 4, 5, 6, 7];
    const answersOf = (): Promise<string[]> => Promise.all(all.map(ask));
    const before = await answersOf();
    const uris = [next, folder, next].map((at) => `file://${at}`);
    const seen = new Map(all.map((index) => [index, new Set<string>()]));
    for (const [round, uri] of uris.entries()) {
      let over = false;
      const clients = all.map(async (index) => {
        while (!over) seen.get(index)?.add(await ask(index));
      });
      service.update({ uri });
      await expect.poll(() => service.report().generation, { timeout: 30_000 }).toBe(round + 2);
      await expect.poll(() => service.status().retiring, { timeout: 30_000 }).toEqual([]);
      over = true;
      await Promise.all(clients);
      expect(nativeObjects()).toMatchObject({ sessions: 1, weights: 1 });
      expect(nativeBytes()).toBe(one.bytes);
    }
    const after = await answersOf();
    expect(after).not.toEqual(before);
    for (const [index, texts] of seen) for (const text of texts) expect([before[index], after[index]]).toContain(text);
    // A load that fails changes nothing, in memory neither.
    service.update({ uri: 'file:///no/such/model' });
    await expect.poll(() => service.status().update?.state).toBe('failed');
    expect(await answersOf()).toEqual(after);
    expect(nativeObjects()).toMatchObject({ sessions: 1, weights: 1 });
    expect(service.status().loaded).toMatchObject({ generation: 4, uri: `file://${next}` });
    await service.finish();
    await last?.served.engine.release();
  });
});
