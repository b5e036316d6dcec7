import { describe, expect, it } from 'vitest';
import { compareVersions, type KubeObject } from '../object.ts';
import { byLabel, byOwnerUid } from './indexers.ts';
import { missedKeys } from './missed.ts';
import { Store } from './store.ts';

type Options = { labels?: Record<string, string>; owner?: string };
const object = (name: string, version: number, { labels, owner }: Options = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace: 'a',
    resourceVersion: String(version),
    labels,
    ownerReferences: owner === undefined ? undefined : [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: owner }],
  },
});
const names = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name);

describe('a cache', () => {
  it('finds objects by label and owner, and forgets the old values', () => {
    const store = new Store({ app: byLabel('app'), owner: byOwnerUid });
    store.put(object('x', 1, { labels: { app: 'web' }, owner: 'u1' }));
    store.put(object('y', 2, { labels: { app: 'web' } }));
    expect(names(store.by('app', 'web'))).toEqual(['x', 'y']);
    expect(names(store.by('owner', 'u1'))).toEqual(['x']);
    store.put(object('x', 3, { labels: { app: 'db' } }));
    expect(names(store.by('app', 'web'))).toEqual(['y']);
    expect(store.by('owner', 'u1')).toEqual([]);
    store.remove(object('y', 4));
    expect(store.by('app', 'web')).toEqual([]);
    expect(() => store.by('nothing', 'x')).toThrow(/no index "nothing"/);
  });

  it('finds objects by key and namespace', () => {
    const store = new Store();
    store.put(object('x', 1));
    expect(store.get('a/x')?.metadata.name).toBe('x');
    expect([store.list('a').length, store.list('b').length, store.size]).toEqual([1, 0, 1]);
    store.remove(object('x', 2));
    expect(store.list('a')).toEqual([]);
  });

  it('refuses what is older than what it has, deletions included', () => {
    const store = new Store();
    expect(store.put(object('x', 9))?.type).toBe('added');
    expect(store.put(object('x', 9))).toBeUndefined();
    expect(store.put(object('x', 8))).toBeUndefined();
    expect(store.remove(object('x', 7))).toBeUndefined();
    expect(store.put(object('x', 10))?.type).toBe('updated');
    expect(store.remove(object('x', 12))?.type).toBe('deleted');
    expect(store.put(object('x', 11))).toBeUndefined();
    expect(store.put(object('x', 13))?.type).toBe('added');
  });

  it('does not bring back what was deleted before anybody heard that it was made', () => {
    const store = new Store();
    expect(store.remove(object('x', 8))).toBeUndefined();
    expect(store.put(object('x', 7))).toBeUndefined();
    expect(store.remove(object('x', 6))).toBeUndefined();
    expect(store.put(object('x', 7))).toBeUndefined();
    expect(store.put(object('x', 9))?.type).toBe('added');
  });

  it('takes a full list as the truth, even an older one: the server may come from a backup', () => {
    const store = new Store();
    store.put(object('kept', 5));
    store.put(object('changed', 6));
    store.put(object('gone', 7));
    const changes = store.replace([object('kept', 5), object('changed', 3), object('new', 4)]);
    expect(changes.map(({ type, key }) => `${type} ${key}`)).toEqual([
      'deleted a/gone',
      'updated a/changed',
      'added a/new',
    ]);
    expect(store.put(object('gone', 1))?.type).toBe('added');
  });

  it('remembers a thousand deletions, the newest ones', () => {
    const store = new Store();
    for (let index = 0; index < 1_001; index += 1) {
      store.put(object(`d${index}`, 10));
      store.remove(object(`d${index}`, 20));
    }
    expect(store.put(object('d1000', 15))).toBeUndefined();
    expect(store.put(object('d1', 15))).toBeUndefined();
    expect(store.put(object('d0', 15))?.type).toBe('added');
  });

  it('shares objects that nobody can change', () => {
    const store = new Store();
    store.put(object('x', 1, { labels: { app: 'web' } }));
    const held = store.get('a/x');
    expect(() => Object.assign(held?.metadata.labels ?? {}, { app: 'db' })).toThrow(TypeError);
  });
});

describe('what a watch missed', () => {
  const store = new Store();
  for (const each of [
    object('same', 5),
    object('stale', 6),
    object('newer', 20),
    object('gone', 8),
    object('young', 21),
  ])
    store.put(each);
  store.put(object('deleted', 9));
  store.remove(object('deleted', 22));

  it('is what a list knows better, and nothing that happened after the list', () => {
    const items = [
      object('same', 5),
      object('stale', 10),
      object('newer', 12),
      object('unknown', 11),
      object('deleted', 9),
    ];
    expect(missedKeys(store, { items, resourceVersion: '15' })).toEqual(['a/stale', 'a/unknown', 'a/gone']);
  });
});

describe('resource versions', () => {
  it('compare as numbers of any length, and not at all where they are none', () => {
    const sign = (a: string | undefined, b: string | undefined): number | undefined => {
      const order = compareVersions(a, b);
      return order === undefined ? undefined : Math.sign(order);
    };
    expect([sign('9', '10'), sign('10', '9'), sign('18446744073709551615', '18446744073709551615')]).toEqual([
      -1, 1, 0,
    ]);
    expect([sign(undefined, '1'), sign('abc', '1')]).toEqual([undefined, undefined]);
  });
});
