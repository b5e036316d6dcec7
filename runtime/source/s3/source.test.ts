import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pull } from '../pull.ts';
import type { PullOptions } from '../source.ts';
import { credentials, serveBucket, type BucketServer } from './harness/bucket-server.ts';

let folder: string;
let server: BucketServer;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-s3-'));
  server = await serveBucket('models', {
    'qwen/config.json': '{}',
    'qwen/model.safetensors': 'weights',
    'qwen/deep/er/notes & more.txt': 'notes',
    'qwen2/config.json': 'of another',
    'one/model.gguf': 'gguf',
  });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const options = (s3: Partial<PullOptions['s3']> = {}): PullOptions => ({
  cacheDir: path.join(folder, 'cache'),
  hub: { endpoint: 'http://127.0.0.1:1', token: undefined, cacheDir: folder },
  s3: { endpoint: server.url, region: 'eu-west-1', credentials, ...s3 },
});

async function failure(uri: string, given: PullOptions = options()): Promise<FleetError> {
  const error = await pull(uri, given).catch((thrown: unknown) => thrown);
  if (error instanceof FleetError) return error;
  throw new Error(`${uri} was pulled, or failed in another way`, { cause: error });
}

describe('a model in a bucket', () => {
  it('comes with everything that is in its folder, and nothing of another', async () => {
    const location = await pull('s3://models/qwen', options());
    expect(readdirSync(location).toSorted()).toEqual(['config.json', 'deep', 'model.safetensors']);
    expect(readFileSync(path.join(location, 'deep/er/notes & more.txt'), 'utf8')).toBe('notes');
  });

  it('may be one file, by its name or as the only one of its folder', async () => {
    const named = await pull('s3://models/one/model.gguf', options());
    expect(path.basename(named)).toBe('model.gguf');
    const alone = await pull('s3://models/one/', options());
    expect(readFileSync(alone, 'utf8')).toBe('gguf');
  });

  it('is not pulled twice: the second time only asks whether it has changed', async () => {
    await pull('s3://models/qwen', options());
    server.seen.length = 0;
    await pull('s3://models/qwen', options());
    expect(server.seen).toEqual(['list qwen', 'list qwen']);
  });

  it('that has changed lies beside the old one, for somebody may read that', async () => {
    const before = await pull('s3://models/qwen', options());
    server.put('qwen/model.safetensors', 'newer weights');
    const after = await pull('s3://models/qwen', options());
    expect(after).not.toBe(before);
    expect(readFileSync(path.join(before, 'model.safetensors'), 'utf8')).toBe('weights');
    expect(readFileSync(path.join(after, 'model.safetensors'), 'utf8')).toBe('newer weights');
  });

  it('goes on where a download broke off', async () => {
    server.cut('qwen/model.safetensors', 3);
    const location = await pull('s3://models/qwen', options());
    expect(readFileSync(path.join(location, 'model.safetensors'), 'utf8')).toBe('weights');
    expect(server.seen).toContain('get qwen/model.safetensors bytes=3-');
  });

  it('is the last one that was pulled, when nobody answers', async () => {
    const location = await pull('s3://models/qwen', options());
    await server.close();
    expect(await pull('s3://models/qwen', options())).toBe(location);
    expect((await failure('s3://models/one')).code).toBe('source_unavailable');
  }, 60_000);

  it.each([
    ['a folder that is not there', 's3://models/nothing', 'source_not_found'],
    ['a bucket that is not there', 's3://others/qwen', 'source_not_found'],
    ['a whole bucket', 's3://models', 'invalid_config'],
    ['the name of no bucket', 's3://M/qwen', 'invalid_config'],
  ])('cannot be %s', async (_what, uri, code) => {
    expect((await failure(uri)).code).toBe(code);
  });

  it('is not for those whose keys are others', async () => {
    const wrong = { ...credentials, secretAccessKey: 'guessed' };
    expect((await failure('s3://models/qwen', options({ credentials: wrong }))).code).toBe('source_forbidden');
    expect((await failure('s3://models/qwen', options({ credentials: undefined }))).code).toBe('source_forbidden');
  });

  it('never leaves its folder, whatever keys are called', async () => {
    server.put('qwen/../../escaped', 'x');
    await pull('s3://models/qwen', options());
    expect(existsSync(path.join(folder, 'cache/s3/escaped'))).toBe(false);
    expect(server.seen.filter((line) => line.includes('escaped'))).toEqual([]);
  });
});
