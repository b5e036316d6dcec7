import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carries, projected } from './drift.ts';

describe('a live object', () => {
  it('may have more than was asked for', () => {
    const desired = { spec: { ports: [{ port: 80, name: 'http' }], selector: { app: 'a' } } };
    const live = {
      metadata: { uid: '1' },
      spec: { clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], selector: { app: 'a' } },
    };
    expect(carries(live, desired)).toBe(true);
    expect(projected(live, desired)).toEqual(desired);
  });

  it.each([
    ['a value was edited', { a: 1 }, { a: 2 }],
    ['a field was removed', {}, { a: 1 }],
    ['an item was removed', { list: [{ name: 'x' }] }, { list: [{ name: 'x' }, { name: 'y' }] }],
    ['an item was edited', { list: [{ name: 'x', value: '1' }] }, { list: [{ name: 'x', value: '2' }] }],
    ['a list of words is another', { args: ['--a', '--b'] }, { args: ['--b', '--a'] }],
    ['a list of words is longer', { args: ['--a', '--b'] }, { args: ['--a'] }],
    ['it is not there', undefined, { a: 1 }],
  ])('differs when %s', (_name, live, desired) => {
    expect(carries(live, desired)).toBe(false);
  });

  it('may have a port twice, once for each protocol', () => {
    const ports = [
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
    ];
    expect(carries({ ports }, { ports })).toBe(true);
    expect(carries({ ports: [ports[0], ports[0]] }, { ports })).toBe(false);
  });

  it('does not differ by the order of items that have a key', () => {
    expect(
      carries(
        {
          env: [
            { name: 'b', value: '2' },
            { name: 'a', value: '1' },
          ],
        },
        { env: [{ name: 'a', value: '1' }] },
      ),
    ).toBe(true);
  });

  it('may lack what is empty, because the API server drops it', () => {
    expect(carries({ spec: {} }, { spec: { volumes: [], labels: {} } })).toBe(true);
  });

  it('carries itself, and itself with more fields', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    fc.assert(
      fc.property(json, fc.dictionary(fc.string({ minLength: 1 }), json), (value, more) => {
        expect(carries(value, value)).toBe(true);
        expect(carries({ ...more, value }, { value })).toBe(true);
      }),
    );
  });
});
