import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf } from '../../../harness/objects.ts';
import { localSubstrate } from '../../../local/substrate.ts';
import { initialState } from '../../../scale/decide.ts';
import { scaleSpecOf } from '../../../scale/spec.ts';
import type { Finding } from '../../conditions.ts';
import { deploymentConditions } from './conditions.ts';
import type { Observed, ReplicaView } from './observed.ts';
import { resolveDeployment } from './resolve.ts';

type Fields = Record<string, unknown>;
type Case = [what: string, spec: Fields, observed: Partial<Observed>, wanted: string];

const ready: ReplicaView = { state: 'ready' };
const starting: ReplicaView = { state: 'starting' };
const failed = (code: string): ReplicaView => ({ state: 'waiting', failure: { code, message: `because of ${code}` } });
const tone = { name: 'tone', uri: 'hf://a/b' };
const moving: Finding = { type: 'Progressing', status: 'True', reason: 'RollingUpdate', message: 'one after another' };
const scaling = { minReplicas: 0, maxReplicas: 3 };
const byCache = { ...scaling, target: { metric: 'KVCache' } };
const external: Fields = {
  engine: { type: 'external', url: 'http://10.0.0.7:8000' },
  hardware: undefined,
  model: { servedName: 'gpt' },
};

function conditionsOf(spec: Fields, seen: Partial<Observed>): Finding[] {
  const deployment = deploymentOf(spec);
  const resolved = resolveDeployment(deployment, cpuClass, localSubstrate);
  const observed: Observed = {
    replicas: [ready],
    desired: 1,
    scaling: undefined,
    hasSignal: true,
    router: 'ready',
    ...seen,
  };
  return deploymentConditions({ spec: deployment.spec, resolved, observed });
}

/** `True Serving`: what `kubectl get` and programs go by. */
function short(type: string, spec: Fields, seen: Partial<Observed>): string {
  const found = conditionsOf(spec, seen).find((condition) => condition.type === type);
  return `${found?.status} ${found?.reason}`;
}

const table: Record<string, Case[]> = {
  Ready: [
    ['it answers', {}, {}, 'True Serving'],
    ['it starts', {}, { replicas: [starting] }, 'False Starting'],
    ['an external server answers for it', external, { replicas: [] }, 'True Serving'],
    ['it is idle and may be woken', { scaling }, { replicas: [], desired: 0 }, 'True ScaledToZero'],
    ['no replica was asked for', { replicas: 0 }, { replicas: [], desired: 0 }, 'True ScaledToZero'],
    ['it is suspended', { suspend: true }, { replicas: [], desired: 0 }, 'False Suspended'],
    [
      'its schedule allows no replica now',
      { scaling },
      { replicas: [], desired: 0, closedBy: '20:00 to 06:00 UTC' },
      'False OutOfHours',
    ],
    ['its last replica answers still', { scaling }, { desired: 0, closedBy: '20:00 to 06:00 UTC' }, 'True Serving'],
    ['it is paused before it had a replica', { paused: true }, { replicas: [], desired: 0 }, 'False Paused'],
    ['it is paused and answers', { paused: true }, {}, 'True Serving'],
    ['the weights are not there', {}, { replicas: [failed('source_not_found')] }, 'False NotFound'],
    ['one of two answers, the other fails', {}, { replicas: [ready, failed('invalid_model')] }, 'True Serving'],
    ['no router takes it: it answers at its own address', {}, { router: 'not-selected' }, 'True Serving'],
    ['the router is gone', {}, { router: 'unavailable' }, 'False RouterUnavailable'],
    [
      'its engine does not run here',
      { engine: { type: 'vllm' } },
      { replicas: [], desired: 0 },
      'False NotImplemented',
    ],
  ],
  ModelResolved: [
    ['a replica has loaded it', {}, {}, 'True Resolved'],
    ['nobody has tried', {}, { replicas: [] }, 'Unknown NotTried'],
    ['an external server has it', external, { replicas: [] }, 'True External'],
    ['it is not there', {}, { replicas: [failed('source_not_found')] }, 'False NotFound'],
    ['it may not be read', {}, { replicas: [failed('source_forbidden')] }, 'False AuthFailed'],
    ['its source does not answer', {}, { replicas: [failed('source_unavailable')] }, 'False SourceUnavailable'],
    ['it is another than was wanted', {}, { replicas: [failed('digest_mismatch')] }, 'False DigestMismatch'],
    [
      'its address is of a kind that is not read here',
      { model: { uri: 'oci://a/b' } },
      { replicas: [] },
      'False NotImplemented',
    ],
    ['another thing fails', {}, { replicas: [failed('engine_failed')] }, 'Unknown NotTried'],
  ],
  ModelCached: [
    ['a replica has loaded it', {}, {}, 'True Cached'],
    ['nobody has tried', {}, { replicas: [starting] }, 'Unknown NotTried'],
    ['an external server has it', external, { replicas: [] }, 'True External'],
    [
      'it comes over the network',
      {},
      { replicas: [{ ...starting, progress: { phase: 'downloading x', done: 1, total: 4 } }] },
      'False Downloading',
    ],
    [
      'it is here and loads',
      {},
      { replicas: [{ ...starting, progress: { phase: 'loading the weights', done: 1, total: 4 } }] },
      'Unknown NotTried',
    ],
  ],
  WorkloadAvailable: [
    ['as many answer as must', { replicas: 2 }, { replicas: [ready, ready], desired: 2 }, 'True MinimumAvailable'],
    ['one of two answers', { replicas: 2 }, { replicas: [ready, starting], desired: 2 }, 'False Starting'],
    [
      'the least number answers and more are wanted',
      { scaling: { minReplicas: 1, maxReplicas: 3 } },
      { replicas: [ready, starting, starting], desired: 3 },
      'True MinimumAvailable',
    ],
    ['none is wanted', { scaling }, { replicas: [], desired: 0 }, 'True MinimumAvailable'],
    ['an external server has its own', external, { replicas: [] }, 'True External'],
    ['the process crashes', {}, { replicas: [failed('engine_failed')] }, 'False EngineCrashed'],
    ['the model cannot be served', {}, { replicas: [failed('unsupported_model')] }, 'False LoadFailed'],
    ['the model is broken', {}, { replicas: [failed('invalid_model')] }, 'False LoadFailed'],
    ['it takes too long', {}, { replicas: [failed('start_timeout')] }, 'False StartupTimeout'],
    ['its engine does not run here', { engine: { type: 'vllm' } }, { replicas: [] }, 'False NotImplemented'],
  ],
  Progressing: [
    ['nothing moves', {}, {}, 'True Complete'],
    ['a replica starts', {}, { replicas: [ready, starting] }, 'True Moving'],
    ['its replicas are somebody else’s', external, { replicas: [] }, 'True Complete'],
    ['a replica is still to come', {}, { desired: 2 }, 'True Moving'],
    ['a replica goes', {}, { replicas: [ready, { state: 'draining' }] }, 'True Moving'],
    ['a replica fails', {}, { replicas: [ready, failed('engine_failed')] }, 'False Failing'],
    ['a replica has no device', {}, { replicas: [ready, failed('insufficient_accelerators')] }, 'False Waiting'],
    [
      'one has none and another fails',
      {},
      { replicas: [failed('unschedulable'), failed('oom_killed')] },
      'False Failing',
    ],
    ['it is paused', { paused: true }, {}, 'False Paused'],
  ],
  ScalingActive: [
    ['the scaler decides', { scaling }, {}, 'True Active'],
    ['it can have no more', { scaling }, { desired: 3 }, 'True AtMax'],
    ['it only says what it would do', { scaling: { ...scaling, mode: 'Recommend' } }, {}, 'True Recommending'],
    ['the number is fixed', { replicas: 1 }, {}, 'False Disabled'],
    ['it is suspended', { scaling, suspend: true }, {}, 'False Disabled'],
    ['it is paused', { scaling, paused: true }, {}, 'False Disabled'],
    ['an external server has its own', external, {}, 'False Disabled'],
    ['somebody else scales', { scaling: { ...scaling, owner: 'KEDA' } }, {}, 'False ExternalOwner'],
    ['nobody reports load', { scaling }, { hasSignal: false }, 'False NoSignal'],
    ['its engine tells nobody how full it is', { scaling: byCache }, {}, 'False MetricNotFound'],
    ['its replicas do not say how full they are', { scaling: byCache }, { replicaLoads: 0 }, 'False NoSignal'],
    ['one of its replicas says how full it is', { scaling: byCache }, { replicaLoads: 1 }, 'True Active'],
    ['it has no replica that could say', { scaling: byCache }, { replicas: [], replicaLoads: 0 }, 'True Active'],
  ],
  RouterProgrammed: [
    ['the router knows it', {}, {}, 'True Programmed'],
    ['the router does not take it', {}, { router: 'not-selected' }, 'False NotSelected'],
    ['the router is gone', {}, { router: 'unavailable' }, 'False RouterUnavailable'],
  ],
  AdaptersLoaded: [
    ['none are asked for', {}, {}, 'True NoAdapters'],
    ['a replica is ready', { adapters: [tone] }, {}, 'True Loaded'],
    ['none is', { adapters: [tone] }, { replicas: [] }, 'Unknown NotTried'],
    ['replicas are being replaced', { adapters: [tone] }, { rollout: [moving] }, 'Unknown Replacing'],
    ['they come from where none can', { adapters: [{ ...tone, uri: 'oci://a/b' }] }, {}, 'False Unsupported'],
    [
      'the model makes vectors',
      { adapters: [tone], model: { uri: 'hf://a/b', task: 'Embed' } },
      {},
      'False Unsupported',
    ],
  ],
  SLOMet: [
    ['there is no objective', {}, {}, 'Unknown NoObjective'],
    ['there is one', { slo: { ttftP95: '1s' } }, {}, 'Unknown NotImplemented'],
  ],
};

describe.each(Object.entries(table))('%s', (type, cases) => {
  it.each(cases)('when %s', (_, spec, observed, wanted) => {
    expect(short(type, spec, observed)).toBe(wanted);
  });
});

describe('the conditions of a pool', () => {
  it('are always the same ones, each once, Ready first', () => {
    const types = conditionsOf({}, {}).map(({ type }) => type);
    expect(types[0]).toBe('Ready');
    expect(new Set(types).size).toBe(types.length);
    for (const [, spec, observed] of Object.values(table).flat())
      expect(conditionsOf(spec, observed).map(({ type }) => type)).toEqual(types);
  });

  it('have a reason that programs can read and words that people can', () => {
    for (const [, spec, observed] of Object.values(table).flat()) {
      for (const { reason, message } of conditionsOf(spec, observed)) {
        expect(reason).toMatch(/^[A-Z][A-Za-z]+$/);
        expect(message.split(' ').length).toBeGreaterThan(2);
      }
    }
  });

  it('give the words of the process that failed', () => {
    const [found] = conditionsOf({}, { replicas: [failed('source_not_found')] });
    expect(found?.message).toBe('because of source_not_found');
  });

  it('say how much of a download is here', () => {
    const progress = { phase: 'downloading model.gguf', done: 30e6, total: 93.1e6 };
    const found = conditionsOf({}, { replicas: [{ ...starting, progress }] });
    expect(found.find(({ type }) => type === 'ModelCached')?.message).toBe('32 % of 94 MB');
  });

  it('say what the scaler thought', () => {
    const spec = deploymentOf({ scaling }).spec.scaling;
    if (!spec) throw new Error('no scaling');
    const history = [{ atMs: 0, from: 1, to: 2, reason: 'Concurrency 9 over 60 s' }];
    const state = { ...initialState(2, scaleSpecOf(spec, 8), 0), history, recommended: 5 };
    const message = (mode: string): string | undefined =>
      conditionsOf({ scaling: { ...scaling, mode } }, { scaling: state, desired: 2 }).find(
        ({ type }) => type === 'ScalingActive',
      )?.message;
    expect(message('Enforce')).toBe('2 wanted: Concurrency 9 over 60 s');
    expect(message('Recommend')).toBe('would have 5: Concurrency 9 over 60 s');
  });

  it('tell a pool that a request wakes from one that stays at zero', () => {
    const words = (spec: Fields): string | undefined => conditionsOf(spec, { replicas: [], desired: 0 })[0]?.message;
    expect(words({ scaling })).toContain('next request starts a replica');
    expect(words({ replicas: 0 })).toContain('no request starts one');
    expect(words({ scaling: { ...scaling, mode: 'Recommend' } })).toContain('no request starts one');
  });

  it('tell it so too of a pool that another scaler has left a number to', () => {
    const [found] = conditionsOf({ scaling, replicas: 5 }, { replicas: [], desired: 0 });
    expect(found?.message).toContain('next request starts a replica');
  });

  it('tell it so too of a pool that only a schedule takes to zero', () => {
    const night = { start: '20:00', end: '06:00', minReplicas: 0 };
    const [found] = conditionsOf({ scaling: { minReplicas: 1, schedules: [night] } }, { replicas: [], desired: 0 });
    expect(found?.message).toContain('next request starts a replica');
  });
});
