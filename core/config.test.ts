import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';
import { FleetError } from './errors.ts';
import { routerConfigSchema } from './fleet/router-config.ts';
import { runtimeConfigSchema } from './fleet/runtime-config.ts';
import { tierOf } from './fleet/tier.ts';

const pool = {
  name: 'small',
  tier: 'small',
  upstreamModel: 'm',
  engine: 'qwen',
  contextLength: 2048,
  costPerToken: 0.1,
  concurrency: 8,
};

describe('a configuration', () => {
  it('is complete once parsed: every default is in it', () => {
    expect(parseConfig(routerConfigSchema, { pools: [pool] }, 'router')).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      pools: [{ hold: { queueMax: 1_000 }, capabilities: { tools: false } }],
      retry: { attemptsMax: 3 },
    });
    expect(
      parseConfig(runtimeConfigSchema, { servedName: 'm', model: { uri: 'file:///m' }, cacheDir: '/c' }, 'runtime'),
    ).toMatchObject({
      quantization: 'int8',
      engine: { slots: 8, contextLength: 2048 },
    });
  });

  it('that is wrong is refused with every field at fault, unknown ones too', () => {
    const wrong = { pools: [{ ...pool, tier: 'huge' }], retry: { attemptsMax: 99 }, bodySize: 1 };
    let error: unknown;
    try {
      parseConfig(routerConfigSchema, wrong, 'the router configuration');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(FleetError);
    const { message, code } = error as FleetError;
    expect(code).toBe('invalid_config');
    for (const words of ['the router configuration', 'pools[0].tier', 'retry.attemptsMax', 'bodySize'])
      expect(message).toContain(words);
  });

  it('does not repeat a key that is not a hash', () => {
    try {
      parseConfig(routerConfigSchema, { pools: [pool], keys: [{ id: 'a', sha256: 'sk-secret' }] }, 'router');
    } catch (error) {
      expect((error as Error).message).not.toContain('sk-secret');
      return;
    }
    throw new Error('accepted');
  });
});

describe('a tier', () => {
  it.each([
    ['small', 'small'],
    ['7B', 'small'],
    ['13b', 'medium'],
    ['70b', 'large'],
  ])('%s is %s', (name, wanted) => expect(tierOf(name)).toBe(wanted));

  it.each(['', 'huge', 'constructor'])('%j is none', (name) => expect(tierOf(name)).toBeUndefined());
});
