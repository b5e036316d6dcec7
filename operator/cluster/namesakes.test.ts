import { Store } from '@qwenfleet/kube/reflector/store';
import { describe, expect, it } from 'vitest';
import type { CustomObject } from './kinds.ts';
import { byName, nameIndex, namesakesOf } from './namesakes.ts';

const pool = (name: string, model: object = {}, { namespace = 'a', version = 1 } = {}): CustomObject => ({
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind: 'QwenDeployment',
  metadata: { name, namespace, uid: `${namespace}-${name}`, resourceVersion: String(version) },
  spec: { tier: 'small', model: { uri: 'hf://Qwen/Qwen2.5-7B-Instruct', ...model }, hardware: { class: 'cpu' } },
});

function cacheOf(...pools: CustomObject[]): Store<CustomObject> {
  const store = new Store<CustomObject>({ [nameIndex]: byName });
  for (const each of pools) store.put(each);
  return store;
}
const names = (of: CustomObject, pools: Store<CustomObject>): string[] =>
  namesakesOf(of, pools).map(({ metadata }) => metadata.name);

describe('pools of the same name', () => {
  it('are found by name, served name and alias, in their namespace alone', () => {
    const own = pool('own', { servedName: 'qwen', aliases: ['fast'] });
    const pools = cacheOf(
      own,
      pool('fast'),
      pool('other', { servedName: 'qwen' }),
      pool('third', { aliases: ['own'] }),
      pool('stranger', { servedName: 'stranger' }),
      pool('far', { servedName: 'qwen' }, { namespace: 'b' }),
    );
    expect(names(own, pools).toSorted()).toEqual(['fast', 'other', 'third']);
    expect(names(pool('far', { servedName: 'qwen' }, { namespace: 'b' }), pools)).toEqual([]);
  });

  it('are none any more once one of them has another name', () => {
    const pools = cacheOf(pool('own', { servedName: 'qwen' }), pool('other', { servedName: 'qwen' }));
    pools.put(pool('other', { servedName: 'smol' }, { version: 2 }));
    expect(names(pool('own', { servedName: 'qwen' }), pools)).toEqual([]);
  });

  it('are found beside one that cannot be read', () => {
    const pools = cacheOf(pool('own', { servedName: 'qwen' }), pool('broken', { uri: 7 }), pool('qwen'));
    expect(names(pool('own', { servedName: 'qwen' }), pools)).toEqual(['qwen']);
  });
});
