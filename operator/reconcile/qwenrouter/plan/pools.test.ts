import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf, routerOf, secretOf } from '../../../harness/objects.ts';
import { localSubstrate } from '../../../local/substrate.ts';
import type { RolloutStatus } from '../../../rollout/status.ts';
import { resolveDeployment } from '../../qwendeployment/plan/resolve.ts';
import { poolConfigOf } from './pools.ts';

type Fields = Record<string, unknown>;

function poolOf(spec: Fields = {}, router: Fields = {}): ReturnType<typeof poolConfigOf> {
  const deployment = deploymentOf(spec);
  const resolved = resolveDeployment(deployment, cpuClass, localSubstrate);
  const secrets = [secretOf('bought', { token: ' abc\n', other: 'def' })];
  return poolConfigOf({ deployment, resolved }, routerOf(router), secrets, 0.25);
}
const uri = 'hf://Qwen/Qwen3-0.6B';
const external = (engine: Fields = {}): Fields => ({
  engine: { type: 'external', url: 'http://10.0.0.7:8000', ...engine },
  hardware: undefined,
  model: { servedName: 'gpt', aliases: ['gpt-latest'] },
});

describe('how a replica is chosen', () => {
  it('is told where it is not the default, so that a router of before can read what is', () => {
    expect(poolOf()).not.toHaveProperty('routing');
    expect(poolOf({ routing: { strategy: 'LeastLoad' } }).routing).toEqual({ strategy: 'LeastLoad', loadFactor: 125 });
    expect(poolOf({ routing: { loadFactor: 200 } }).routing).toEqual({ strategy: 'PrefixHash', loadFactor: 200 });
  });
});

describe('revisions of a pool as the router sees them', () => {
  const split = (rollout: RolloutStatus, spec: Fields = {}): object => {
    const deployment = deploymentOf(spec);
    const resolved = resolveDeployment(deployment, cpuClass, localSubstrate);
    const { weights, header } = poolConfigOf({ deployment, resolved, rollout }, routerOf({}), [], 1);
    return { weights, ...(header && { header }) };
  };
  const replicas = [
    { revision: 'a', replicas: 3, weight: 80 },
    { revision: 'b', replicas: 1, weight: 20 },
    { revision: 'c', replicas: 1 },
  ];
  const abTest = { header: { name: 'x-beta', value: 'yes' } };
  const testing = { strategy: 'ABTest', updateRevision: 'b', replicas };

  it('get the shares that the rollout has stored, and those that it does not name nothing', () => {
    expect(split({ currentRevision: 'a', replicas })).toEqual({ weights: { a: 80, b: 20, c: 0 } });
  });

  it('all count alike while no shares are stored', () => {
    expect(split({ currentRevision: 'a' })).toEqual({ weights: {} });
    expect(split({ replicas: [{ revision: 'a', replicas: 3 }] })).toEqual({ weights: {} });
  });

  it('are known by the name that their pods have, and two in one workload share it', () => {
    const hosted = [
      { revision: 'a', replicas: 2, weight: 67 },
      { revision: 'b', replicas: 1, weight: 33, host: 'a' },
    ];
    expect(split({ currentRevision: 'a', updateRevision: 'b', replicas: hosted })).toEqual({ weights: { a: 100 } });
    const later = [
      { revision: 'b', replicas: 3, weight: 90, host: 'a' },
      { revision: 'c', replicas: 1, weight: 10 },
    ];
    expect(split({ ...testing, currentRevision: 'c', replicas: later }, { rollout: { abTest } })).toEqual({
      weights: { a: 90, c: 10 },
      header: { ...abTest.header, revision: 'a' },
    });
  });

  it('are chosen by a header while two are compared, and not once one is promoted', () => {
    expect(split(testing, { rollout: { abTest } })).toMatchObject({ header: { ...abTest.header, revision: 'b' } });
    expect(split({ ...testing, promoted: true }, { rollout: { abTest } })).toEqual({ weights: { a: 80, b: 20, c: 0 } });
    expect(split({ ...testing, strategy: 'Rolling' }, { rollout: { abTest } })).not.toHaveProperty('header.name');
  });
});

describe('a pool as the router sees it', () => {
  it('has what it serves, what it costs, and how much of it at once', () => {
    expect(poolOf({ quantization: 'int8' })).toMatchObject({
      name: 'small',
      tier: 'small',
      engine: 'qwen',
      task: 'generate',
      models: [],
      upstreamModel: 'small',
      description: 'Qwen3-0.6B int8',
      contextLength: 2048,
      concurrency: 8,
      costPerToken: 0.25,
      capabilities: { tools: true, json: true, vision: false },
    });
  });

  it('has every name that a client may use, each once and not its own', () => {
    expect(poolOf({ model: { uri, servedName: 'qwen', aliases: ['latest', 'small'] } }).models).toEqual([
      'qwen',
      'latest',
    ]);
  });

  it('has the names of its adapters, which its server knows too', () => {
    const { models, adapters } = poolOf({ model: { uri, servedName: 'qwen' }, adapters: [{ name: 'tone', uri }] });
    expect({ models, adapters }).toEqual({ models: ['qwen', 'tone'], adapters: ['tone'] });
    expect(poolOf({ model: { uri } })).not.toHaveProperty('adapters');
  });

  it('can do what its spec says it can', () => {
    const { capabilities } = poolOf({ model: { uri, capabilities: ['Tools', 'Vision'] }, engine: { type: 'vllm' } });
    expect(capabilities).toEqual({ tools: true, json: false, vision: true });
  });

  it('calls tools and keeps to JSON in our own runtime, unless it makes vectors', () => {
    expect(poolOf({ model: { uri } }).capabilities).toMatchObject({ tools: true, json: true });
    expect(poolOf({ model: { uri, task: 'Embed' } }).capabilities).toMatchObject({ tools: false, json: false });
    expect(poolOf(external()).capabilities).toEqual({ tools: false, json: false, vision: false });
  });

  it('makes vectors when that is its task', () => {
    expect(poolOf({ model: { uri, task: 'Embed' } }).task).toBe('embed');
  });

  it('holds and queues as long as its spec says', () => {
    const coldStart = { maxQueued: 3, holdTimeout: '7s', keepAlive: '2s' };
    expect(poolOf({ coldStart, saturation: { queueTimeout: '1500ms' } })).toMatchObject({
      hold: { queueMax: 3, timeoutMs: 7_000, keepAliveMs: 2_000 },
      saturation: { queueTimeoutMs: 1_500 },
    });
  });

  it('has a key of its own for an external server, without the line end that editors add', () => {
    expect(poolOf(external({ secretRef: { name: 'bought' } })).apiKey).toBe('abc');
    expect(poolOf(external({ secretRef: { name: 'bought', key: 'other' } })).apiKey).toBe('def');
    expect(poolOf(external())).not.toHaveProperty('apiKey');
  });

  it('asks an external server by the name that it knows', () => {
    expect(poolOf(external())).toMatchObject({ upstreamModel: 'gpt', models: ['gpt', 'gpt-latest'] });
    expect(poolOf(external({ upstreamModel: 'gpt-17-large' })).upstreamModel).toBe('gpt-17-large');
  });

  it('is answered for by its own choice of tier, else by the router’s order', () => {
    const fallback = { order: ['70b', 'medium', 'small'] };
    expect(poolOf({}, { fallback }).fallbackTier).toBe('large');
    expect(poolOf({ coldStart: { fallbackTier: '13b' } }, { fallback }).fallbackTier).toBe('medium');
    expect(poolOf({}, { fallback: { order: ['small'] } })).not.toHaveProperty('fallbackTier');
    expect(poolOf()).not.toHaveProperty('fallbackTier');
  });
});
