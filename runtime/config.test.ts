import { describe, expect, it } from 'vitest';
import { FleetError } from '@qwenfleet/core/errors';
import { runtimeConfigSchema } from '@qwenfleet/core/fleet/runtime-config';
import { readSourceConfig, terminationLog } from './config.ts';

describe("the hub's own variables", () => {
  const hubOf = (environment: NodeJS.ProcessEnv): ReturnType<typeof readSourceConfig>['hub'] =>
    readSourceConfig('/cache', environment, '/home/me').hub;

  it.each<[string, NodeJS.ProcessEnv, object]>([
    [
      'nothing',
      {},
      { endpoint: 'https://huggingface.co', token: undefined, cacheDir: '/home/me/.cache/huggingface/hub' },
    ],
    ['a mirror', { HF_ENDPOINT: 'https://mirror.example/hf/' }, { endpoint: 'https://mirror.example/hf' }],
    ['a token with space around it', { HF_TOKEN: ' hf_x\n' }, { token: 'hf_x' }],
    ['an empty token', { HF_TOKEN: '  ' }, { token: undefined }],
    ['the cache of all', { XDG_CACHE_HOME: '/xdg' }, { cacheDir: '/xdg/huggingface/hub' }],
    ['the cache of the hub’s tools', { HF_HOME: '/hf', XDG_CACHE_HOME: '/xdg' }, { cacheDir: '/hf/hub' }],
    ['the cache of the hub itself', { HF_HUB_CACHE: '/hub', HF_HOME: '/hf' }, { cacheDir: '/hub' }],
  ])('are read as its Python client reads them: %s', (_name, environment, wanted) => {
    expect(hubOf(environment)).toMatchObject(wanted);
  });

  it.each(['ftp://mirror', 'mirror', 'file:///etc'])('name an address of a hub, which %s is not', (endpoint) => {
    expect(() => hubOf({ HF_ENDPOINT: endpoint })).toThrow(FleetError);
    expect(() => hubOf({ HF_ENDPOINT: endpoint })).toThrow(/HF_ENDPOINT/);
  });
});

describe('the file for last words', () => {
  it.each([
    [{}, undefined],
    [{ QWENFLEET_TERMINATION_LOG: '' }, undefined],
    [{ QWENFLEET_TERMINATION_LOG: '/dev/termination-log' }, '/dev/termination-log'],
  ])('of %j is %s', (environment, wanted) => {
    expect(terminationLog(environment)).toBe(wanted);
  });
});

describe("a runtime's configuration", () => {
  const base = { servedName: 'm', model: { uri: 'file:///m' }, cacheDir: '/c' };
  const parse = (changes: object): { success: boolean } => runtimeConfigSchema.safeParse({ ...base, ...changes });

  it('needs little, and is bounded where it says more', () => {
    expect(runtimeConfigSchema.parse(base)).toMatchObject({
      quantization: 'int8',
      listen: { host: '127.0.0.1', port: 0 },
      engine: { slots: 8, contextLength: 2048, queueMax: 256 },
      drain: { graceMs: 30_000 },
    });
    for (const engine of [
      { slots: 0 },
      { slots: 257 },
      { contextLength: 8 },
      { prefillChunkTokens: 5_000 },
      { queueMax: -1 },
      { speculation: { maxDraftTokens: 17 } },
      { speculation: {} },
    ])
      expect(parse({ engine }).success, JSON.stringify(engine)).toBe(false);
  });

  it('has the digest of a token, never the token', () => {
    expect(parse({ admin: { tokenSha256: 'a'.repeat(64) } }).success).toBe(true);
    for (const admin of [{ tokenSha256: 'secret' }, { token: 'secret' }, {}])
      expect(parse({ admin }).success).toBe(false);
  });

  it('refuses fields that nobody knows', () => {
    expect(parse({ engine: { slotz: 4 } }).success).toBe(false);
  });
});
