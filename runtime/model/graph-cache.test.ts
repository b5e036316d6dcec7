import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { checkpointFolder, publishedCheckpoint, trainedOn } from '../fixtures/checkpoint.ts';
import { rejection } from '../fixtures/generation.ts';
import { openFilesIn } from '../fixtures/weights-files.ts';
import { adapterFolder, removeAdapters } from '../fixtures/adapter.ts';
import { withMerged } from './adapter/merge.ts';
import { buildGraph, dataFileName, graphFileName } from './build-graph.ts';
import { buildOnThread } from './build-on-thread.ts';
import type { DecoderDescription, EncoderDescription } from './family/family.ts';
import { cachedGraph, graphKey, weightsDigest } from './graph-cache.ts';
import { readModel } from './read.ts';

const root = mkdtempSync(path.join(tmpdir(), 'graph-cache-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterAll(removeAdapters);
let cacheDir: string;
beforeEach(() => (cacheDir = mkdtempSync(path.join(root, 'cache-'))));

const qwen = readModel(checkpointFolder('qwen3'));
const bert = readModel(checkpointFolder('bert'));
const options = { quantization: 'int8', contextLength: 64 } as const;
const digest = 'a'.repeat(64);

describe('the name of a graph', () => {
  const base = graphKey(qwen, options, digest);
  const decoder = qwen.description as DecoderDescription;
  const keyOf = (description: object, changes: object = {}, of = digest): string =>
    graphKey({ family: 'qwen3', description: description as DecoderDescription }, { ...options, ...changes }, of);

  it('is the same for the same, whatever the order in which it is said', () => {
    const reversed = Object.fromEntries(Object.entries(decoder).toReversed());
    expect(keyOf(reversed)).toBe(base);
    expect(keyOf({ ...decoder })).toBe(base);
  });

  it.each<[string, string]>([
    ['the weights', keyOf(decoder, {}, 'b'.repeat(64))],
    ['the quantisation', keyOf(decoder, { quantization: 'int4' })],
    [
      'how the weights are packed',
      graphKey(
        {
          ...qwen,
          packing: { bits: 4, groupSize: 32, along: 'inputs', places: [0, 1, 2, 3, 4, 5, 6, 7], zeroPointOffset: 0 },
        },
        options,
        digest,
      ),
    ],
    ['how far the positions reach', keyOf(decoder, { contextLength: 128 })],
    ['what keys and values are kept as', keyOf(decoder, { kvCacheDtype: 'int8' })],
    ...Object.entries(decoder)
      .filter(([field]) => field !== 'contextLength' && field !== 'kind')
      .map(([field, value]): [string, string] => [
        `the model’s ${field}`,
        keyOf({ ...decoder, [field]: typeof value === 'number' ? value + 1 : value !== true }),
      ]),
  ])('is another when %s is', (_what, key) => {
    expect(key).not.toBe(base);
  });

  it('covers every field of a description', () => {
    // One more field in a description has to be thought of here.
    expect(Object.keys(decoder).toSorted()).toEqual([
      'contextLength',
      'feedForwardSize',
      'headSize',
      'heads',
      'hiddenSize',
      'interleavedRotaryRows',
      'keyValueHeads',
      'kind',
      'layers',
      'queryKeyNorm',
      'queryKeyValueBias',
      'rmsNormEpsilon',
      'rotary',
      'tiedHead',
      'vocabularySize',
    ]);
  });

  it('is not another when something else is', () => {
    // What the model was trained to read does not matter: the tables reach as far as the pool wants.
    expect(keyOf({ ...decoder, contextLength: 9_999 })).toBe(base);
  });

  const encoder = bert.description as EncoderDescription;
  const encoderKey = (changes: object = {}, of: object = {}): string =>
    graphKey({ family: 'bert', description: { ...encoder, ...changes } }, { ...options, ...of }, digest);

  it('of an encoder knows neither the pool’s context nor its quantisation, but the model’s own context', () => {
    expect(encoderKey({}, { quantization: 'int4', contextLength: 7 })).toBe(encoderKey());
    expect(encoderKey({ contextLength: 64 })).not.toBe(encoderKey());
    expect(encoderKey({ normalize: !encoder.normalize })).not.toBe(encoderKey());
  });

  it('can be read by people', () => {
    expect(base).toMatch(/^qwen3-int8-64-[0-9a-f]{16}$/);
    expect(encoderKey()).toMatch(/^bert-encoder-[0-9a-f]{16}$/);
  });
});

describe('the digest of weights', () => {
  const weights = (name: string, bytes: Uint8Array): string => {
    const file = path.join(cacheDir, name);
    writeFileSync(file, bytes);
    return file;
  };

  it('is that of the content, wherever it lies and whatever it is called', async () => {
    const a = weights('a', Buffer.from('weights'));
    const b = weights('b', Buffer.from('weights'));
    expect(await weightsDigest({ weightsFiles: [a] }, cacheDir)).toBe(
      await weightsDigest({ weightsFiles: [b] }, cacheDir),
    );
    expect(await weightsDigest({ weightsFiles: [a] }, cacheDir)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is another when one byte in the middle of a large file is', async () => {
    const bytes = Buffer.alloc(5 * 2 ** 20, 7);
    const before = await weightsDigest({ weightsFiles: [weights('w', bytes)] }, cacheDir);
    bytes[bytes.length / 2] = 8;
    expect(await weightsDigest({ weightsFiles: [weights('x', bytes)] }, cacheDir)).not.toBe(before);
  });

  it('is another when a file is exchanged for one of the same size and time', async () => {
    const file = weights('w', Buffer.from('one'));
    const stamp = new Date(1_700_000_000_000);
    utimesSync(file, stamp, stamp);
    const before = await weightsDigest({ weightsFiles: [file] }, cacheDir);
    const other = weights('other', Buffer.from('two'));
    utimesSync(other, stamp, stamp);
    renameSync(other, file);
    expect(await weightsDigest({ weightsFiles: [file] }, cacheDir)).not.toBe(before);
  });

  it('of shards depends on all of them, in their order', async () => {
    const [a, b] = [weights('a', Buffer.from('a')), weights('b', Buffer.from('b'))];
    const digests = await Promise.all(
      [[a, b], [b, a], [a], [b]].map((weightsFiles) => weightsDigest({ weightsFiles }, cacheDir)),
    );
    expect(new Set(digests).size).toBe(4);
  });

  it('is read once, and noted for the next start', async () => {
    const file = weights('w', Buffer.from('weights'));
    const first = await weightsDigest({ weightsFiles: [file] }, cacheDir);
    const notes = path.join(cacheDir, 'verified');
    const [note] = readdirSync(notes);
    expect(readFileSync(path.join(notes, note ?? ''), 'utf8')).toBe(first);
    // A note that is no digest is not believed.
    writeFileSync(path.join(notes, note ?? ''), 'half of a no');
    expect(await weightsDigest({ weightsFiles: [file] }, cacheDir)).toBe(first);
  });
});

describe('the cache of graphs', () => {
  const graph = (changes: object = {}): Promise<string> => cachedGraph(qwen, { ...options, cacheDir, ...changes });
  const entries = (): string[] => readdirSync(path.join(cacheDir, 'graphs')).toSorted();

  it('builds once, and finds what was built, without a word of progress', async () => {
    const said: string[] = [];
    const onProgress = (phase: string, done: number, total: number): void =>
      void said.push(`${phase} ${done}/${total}`);
    const folder = await graph({ onProgress });
    expect(said).toEqual(['building the graph 1/2', 'building the graph 2/2']);
    expect(readdirSync(folder).toSorted()).toEqual([graphFileName, dataFileName]);
    const before = readFileSync(path.join(folder, graphFileName));
    expect(await graph({ onProgress })).toBe(folder);
    expect(said).toHaveLength(2);
    expect(readFileSync(path.join(folder, graphFileName))).toEqual(before);
    expect(entries()).toEqual([path.basename(folder)]);
  });

  it('builds once for many who ask at the same time', async () => {
    let built = 0;
    const onProgress = (_phase: string, done: number): void => void (built += done === 1 ? 1 : 0);
    const folders = await Promise.all(Array.from({ length: 5 }, () => graph({ onProgress })));
    expect(new Set(folders).size).toBe(1);
    expect(built).toBe(1);
    expect(entries()).toHaveLength(1);
  });

  it('clears away what a killed build has left, and does not take it for a graph', async () => {
    const key = path.basename(await graph());
    rmSync(path.join(cacheDir, 'graphs', key), { recursive: true });
    const left = path.join(cacheDir, 'graphs', `.building-${key}`);
    mkdirSync(left);
    writeFileSync(path.join(left, dataFileName), Buffer.alloc(1_000_000));
    const folder = await graph();
    expect(existsSync(path.join(folder, graphFileName))).toBe(true);
    expect(entries()).toEqual([key]);
  });

  it('keeps the graphs of two checkpoints that differ in the middle apart', async () => {
    const first = publishedCheckpoint();
    const next = trainedOn(first);
    const folders = await Promise.all(
      [first, next].map((location) => cachedGraph(readModel(location), { ...options, cacheDir })),
    );
    expect(new Set(folders).size).toBe(2);
    for (const location of [first, next]) rmSync(path.dirname(location), { recursive: true });
  });

  it('has nothing of a build that failed', async () => {
    const broken = { ...qwen, description: { ...(qwen.description as DecoderDescription), layers: 3 } };
    const outcome = await rejection(cachedGraph(broken, { ...options, cacheDir }));
    expect(outcome).toBeInstanceOf(FleetError);
    expect(outcome).toMatchObject({ code: 'invalid_model' });
    expect(entries()).toEqual([]);
    expect(openFilesIn(cacheDir)).toEqual([]);
    expect(openFilesIn(checkpointFolder('qwen3'))).toEqual([]);
  });

  it('is waited for no longer than anybody wants the graph', async () => {
    const key = graphKey(qwen, options, await weightsDigest(qwen, cacheDir));
    mkdirSync(path.join(cacheDir, 'graphs'), { recursive: true });
    // Held by a process of another machine, of which nothing else is known.
    writeFileSync(path.join(cacheDir, 'graphs', `${key}.lock`), JSON.stringify({ host: 'elsewhere', pid: 1, id: 'x' }));
    const ending = new AbortController();
    const waiting = rejection(graph({ signal: ending.signal }));
    ending.abort(new Error('nobody wants it'));
    expect(await waiting).toMatchObject({ message: 'nobody wants it' });
  });
});

describe('a graph built on a thread of its own', () => {
  const build = (location: string, changes: object = {}): Promise<void> =>
    buildOnThread({ location }, cacheDir, { ...options, ...changes });

  it('is the same, byte for byte, as one built here', async () => {
    const said: string[] = [];
    await build(checkpointFolder('qwen3'), { onProgress: (_phase: string, done: number) => said.push(String(done)) });
    const here = mkdtempSync(path.join(root, 'here-'));
    buildGraph(qwen, here, options);
    for (const name of [graphFileName, dataFileName])
      expect(readFileSync(path.join(cacheDir, name)).equals(readFileSync(path.join(here, name))), name).toBe(true);
    expect(said).toEqual(['1', '2']);
  });

  it('is the same with adapters, merged or to come', async () => {
    const merged = [adapterFolder(checkpointFolder('qwen3'))];
    await buildOnThread({ location: checkpointFolder('qwen3'), merged }, cacheDir, { ...options, adapters: true });
    const here = mkdtempSync(path.join(root, 'here-'));
    buildGraph(withMerged(qwen, merged), here, { ...options, adapters: true });
    for (const name of [graphFileName, dataFileName])
      expect(readFileSync(path.join(cacheDir, name)).equals(readFileSync(path.join(here, name))), name).toBe(true);
  });

  it('keeps the code of what it failed with', async () => {
    const outcome = await rejection(build('/no/such/model'));
    expect(outcome).toBeInstanceOf(FleetError);
    expect(outcome).toMatchObject({ code: 'source_not_found' });
  });

  it('ends when nobody wants it any more', async () => {
    const ending = new AbortController();
    const outcome = rejection(build(checkpointFolder('qwen3'), { signal: ending.signal }));
    ending.abort(new Error('the server is stopping'));
    expect(await outcome).toMatchObject({ message: 'the server is stopping' });
    expect(await rejection(build(checkpointFolder('qwen3'), { signal: ending.signal }))).toMatchObject({
      message: 'the server is stopping',
    });
  });

  it('lets the event loop turn meanwhile', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await build(checkpointFolder('llama'));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});
