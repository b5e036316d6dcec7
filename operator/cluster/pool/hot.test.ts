import type { ModelReference } from '@qwenfleet/core/fleet/runtime-config';
import type { RuntimeStatus } from '@qwenfleet/core/load/status';
import type { Pod } from '@qwenfleet/kube/kinds';
import { describe, expect, it } from 'vitest';
import { next } from '../../rollout/next.ts';
import { plainSpec } from '../../rollout/harness/pool.ts';
import type { RolloutState } from '../../rollout/types.ts';
import { recordsWith } from '../../reconcile/qwendeployment/plan/cluster.ts';
import { poolSeen } from '../../harness/pool-seen.ts';
import { deploymentOf, poolFor } from '../../specs/harness/pool.ts';
import { newRecord, readRecord, recordConfigMap } from '../../specs/pool/record.ts';
import type { Pool } from '../../specs/pool/pool.ts';
import { HotView } from './hot.ts';
import type { PoolSeen } from './observe.ts';

const token = 'a'.repeat(64);
const uri = (name: string): string => `hf://Qwen/${name}`;
const poolOf = (spec: Record<string, unknown>): Pool => ({ ...poolFor(deploymentOf(spec)), adminTokenSha256: token });
/** As it is read back from the cluster. */
const recordOf = (pool: Pool) => {
  const record = readRecord(recordConfigMap(pool.deployment, pool, newRecord(pool)));
  if (!record) throw new Error('it is no record');
  return record;
};
const one = poolOf({ model: { uri: uri('one') } });

const podOf = (workload: string, at: number): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `chat-${workload}-${at}`,
    namespace: 'fleet',
    labels: { 'qwenfleet.io/revision': workload, 'qwenfleet.io/role': 'server' },
  },
});

/** A pool that serves `one` with two replicas, and whose spec is now this. */
function seenWith(spec: Record<string, unknown>, { silent = false }: { silent?: boolean } = {}): PoolSeen {
  const pool = poolOf(spec);
  const { deployment, revision } = pool;
  const pods = [podOf(one.revision, 1), podOf(one.revision, 2)];
  return poolSeen(deployment, {
    pool,
    revision,
    records: recordsWith(pool, [silent ? { ...recordOf(one), runtimeJson: '{}' } : recordOf(one)]),
    pods,
    replicas: pods.map(({ metadata }) => ({ name: metadata.name, revision: one.revision, state: 'ready' })),
  });
}

const revisions = [{ revision: one.revision, replicas: 2, ready: 2, weight: 0 }];
const atRest: RolloutState = next(
  undefined,
  { aim: one.revision, desired: 2, revisions, arms: undefined, annotations: {} },
  plainSpec,
  0,
).state;

const statusOf = (asked: ModelReference, more: Partial<RuntimeStatus> = {}): RuntimeStatus => ({
  model: 'chat',
  state: 'ready',
  loaded: { asked } as RuntimeStatus['loaded'],
  retiring: [],
  hotUpdate: true,
  ...more,
});
const full = { reason: 'Memory', message: '9 MiB are free' } as const;
const laterMs = 60 * 60_000;

/** What the rollout would be told, if it asked, with engines that say this. */
function wayWith(spec: Record<string, unknown>, answers: (RuntimeStatus | undefined)[], state = atRest) {
  const seen = seenWith(spec);
  const named = answers.flatMap((answer, at) =>
    answer ? [[seen.pods[at]?.metadata.name ?? '', answer] as const] : [],
  );
  return new HotView(seen, state).observed(new Map(named));
}
const able = statusOf({ uri: uri('one') });
const two = { model: { uri: uri('two') } };

describe('the engines of a pool', () => {
  it.each<[string, Record<string, unknown>, boolean]>([
    ['weights and nothing else change', two, true],
    ['their revision changes', { model: { uri: uri('one'), revision: 'v2' } }, true],
    ['nothing changes', { model: { uri: uri('one') } }, false],
    ['anything else changes too', { ...two, engine: { contextLength: 1024 } }, false],
    ['the pods would need another volume', { model: { uri: 'pvc://disk/two' } }, false],
    ['two revisions are to run side by side', { ...two, rollout: { strategy: 'BlueGreen' } }, false],
    ['nobody wants it', { ...two, update: { hot: 'Never' } }, false],
  ])('are asked when %s: %#', (_what, spec, wanted) => {
    expect(new HotView(seenWith(spec), atRest).wants(laterMs)).toBe(wanted);
  });

  it('are not asked where the operator has no token for them', () => {
    expect(new HotView(seenWith(two, { silent: true }), atRest).wants(laterMs)).toBe(false);
  });

  it('are asked for as long as weights of another revision run in them, and a while after every rollout', () => {
    const spec = { model: { uri: uri('one') } };
    const hosting = { ...atRest, hosts: { [one.revision]: 'f'.repeat(10) } };
    expect(new HotView(seenWith(spec), hosting).wants(laterMs)).toBe(false);
    const elsewhere = { ...atRest, current: 'other', hosts: { other: one.revision } };
    expect(new HotView(seenWith(spec), elsewhere).wants(laterMs)).toBe(true);
    const past = { revision: 'old', atMs: laterMs, outcome: 'Replaced', message: '' } as const;
    expect(new HotView(seenWith(spec), { ...atRest, history: [past] }).wants(laterMs + 60_000)).toBe(true);
    expect(new HotView(seenWith(spec), { ...atRest, history: [past] }).wants(2 * laterMs)).toBe(false);
  });

  it('exchange weights when every one of them has room', () => {
    expect(wayWith(two, [able, able]).way).toMatchObject({ way: 'hot', what: 'weights' });
    const refused = statusOf({ uri: uri('one') }, { hotUpdate: false, hotUpdateRefused: full });
    expect(wayWith(two, [able, refused]).way).toMatchObject({ way: 'surge' });
    expect(wayWith(two, [able, undefined]).way, 'one is silent').toMatchObject({ way: 'surge' });
    const busy = { reason: 'Busy', message: '' } as const;
    expect(wayWith(two, [able, { ...able, hotUpdate: false, hotUpdateRefused: busy }]).way.way).toBe('hot');
  });

  it('count for what they answer with, by the words in which it was asked for', () => {
    const { revision } = poolOf(two);
    const { replicas } = wayWith(two, [able, statusOf({ uri: uri('two') })]);
    expect(replicas.map(({ loaded }) => loaded)).toEqual([one.revision, revision]);
    const [stranger] = wayWith(two, [statusOf({ uri: uri('three') })]).replicas;
    expect([one.revision, revision]).not.toContain(stranger?.loaded);
  });

  it('that failed say with what, and one that only has no room is told apart', () => {
    const failed = (code: string) =>
      statusOf(
        { uri: uri('one') },
        { update: { state: 'failed', model: { uri: uri('two') }, error: { code, message: 'why' } } },
      );
    const { revision } = poolOf(two);
    const [broken, narrow] = wayWith(two, [failed('invalid_model'), failed('conflict')]).replicas;
    expect(broken).toMatchObject({ failed: { revision, message: 'why' }, unable: undefined });
    expect(narrow).toMatchObject({ failed: undefined, unable: 'why' });
  });
});
