import { describe, expect, it } from 'vitest';
import { clusterSubstrate } from '../../../cluster/substrate.ts';
import { cpuClass, deploymentOf } from '../../../harness/objects.ts';
import { localSubstrate } from '../../../local/substrate.ts';
import { noCapabilities } from '../../../specs/capabilities.ts';
import type { Substrate } from '../../substrate.ts';
import { resolveDeployment, type Resolved } from './resolve.ts';
import { revisionOf, runtimeConfigOf } from './runtime-config.ts';

type Fields = Record<string, unknown>;

const cluster = clusterSubstrate(noCapabilities);
const tone = { name: 'tone', uri: 'hf://acme/tone', revision: 'v2' };

const resolved = (spec: Fields, substrate: Substrate = cluster): Resolved =>
  resolveDeployment(deploymentOf(spec), cpuClass, substrate);
const refusalOf = (spec: Fields, substrate?: Substrate): string | undefined =>
  resolved(spec, substrate).notActedOn.find(({ path }) => path === 'spec.adapters')?.reason;
const configOf = (spec: Fields) => runtimeConfigOf(deploymentOf(spec), resolved(spec), '/cache');

describe('adapters of a pool', () => {
  it('are what its replicas are told to load, with room for eight at once', () => {
    expect(configOf({ adapters: [tone] }).adapters).toEqual({ places: 1, rankMax: 64, namesMax: 256, list: [tone] });
    const twenty = Array.from({ length: 20 }, (_, index) => ({ ...tone, name: `tone-${index}` }));
    expect(configOf({ adapters: twenty }).adapters).toMatchObject({ places: 8, list: { length: 20 } });
  });

  it('make another revision of it, and none change nothing', () => {
    const plain = configOf({});
    expect(plain).not.toHaveProperty('adapters');
    expect(configOf({ adapters: [] })).toEqual(plain);
    const others = [[tone], [{ ...tone, revision: 'v3' }], [{ ...tone, name: 'other' }]];
    const revisions = others.map((adapters) => revisionOf(configOf({ adapters })));
    expect(new Set([revisionOf(plain), ...revisions]).size).toBe(4);
  });

  it.each<[string, Fields, RegExp]>([
    [
      'by another engine than ours',
      { engine: { type: 'vllm' } },
      /vllm engine is told of no adapters; engine.type qwen/,
    ],
    ['beside a model that makes vectors', { model: { uri: 'hf://a/b', task: 'Embed' } }, /make vectors/],
    [
      'from another kind of address than the model’s',
      { model: { uri: 's3://a/b' } },
      /from s3:\/\/ only, and tone is at hf:/,
    ],
    ['beside a model on a volume', { model: { uri: 'pvc://a/b' } }, /from none only/],
  ])('are left out %s, and the status says so', (_, spec, reason) => {
    expect(refusalOf({ ...spec, adapters: [tone] })).toMatch(reason);
    expect(resolved({ ...spec, adapters: [tone] }).adapters).toEqual([]);
  });

  it('come from every source that brings folders on one machine', () => {
    const adapters = ['hf://a/b', 's3://a/b', 'file:///a', 'wheel://a@1/b'].map((uri, index) => ({
      name: `a${index}`,
      uri,
    }));
    expect(resolved({ adapters }, localSubstrate).adapters).toEqual(adapters);
    expect(refusalOf({ adapters: [{ name: 'a', uri: 'https://a/b' }] }, localSubstrate)).toMatch(/this machine brings/);
  });
});
