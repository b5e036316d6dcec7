import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStaticFile } from './file.ts';

describe('the example that people copy', () => {
  const text = readFileSync(path.join(import.meta.dirname, '../../../examples/standalone/router.yaml'), 'utf8');

  it('is a router with two pools, one of them with a canary', () => {
    const { config, pools } = readStaticFile(text, 'router.yaml');
    expect(config.pools.map(({ name, weights }) => [name, weights])).toEqual([
      ['small', { next: 5 }],
      ['large', {}],
    ]);
    expect(pools['small']).toMatchObject({ desired: 2, wakeable: false, endpoints: [{}, { revision: 'next' }] });
  });
});

describe('a pool without servers', () => {
  it('says so to whoever asks for it', () => {
    const text = JSON.stringify({
      pools: [
        {
          name: 'small',
          tier: 'small',
          upstreamModel: 'u',
          engine: 'external',
          contextLength: 9,
          costPerToken: 0,
          concurrency: 1,
          endpoints: [],
        },
      ],
    });
    expect(readStaticFile(text, 'f').pools['small']).toMatchObject({
      endpoints: [],
      problem: expect.stringContaining('empty'),
    });
  });
});

describe('a file of many names for one thing', () => {
  it('cannot fill the memory', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'
        .split('')
        .map((name, at) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefg'[at]}`).join(',')}]`),
    ];
    expect(() => readStaticFile(bomb.join('\n'), 'bomb.yaml')).toThrow(/not valid/);
  });
});
