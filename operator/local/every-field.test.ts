import { specSchema } from '@qwenfleet/crds/qwendeployment/spec';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cpuClass, deploymentOf, hardwareOf, routerOf } from '../harness/objects.ts';
import { deploymentConditions } from '../reconcile/qwendeployment/plan/conditions.ts';
import { planDeployment } from '../reconcile/qwendeployment/plan.ts';
import { planRouter } from '../reconcile/qwenrouter/plan.ts';
import { localSubstrate } from './substrate.ts';

type Fields = Record<string, unknown>;

/** Scaled, and with the one strategy that is served: the default is said not to be. */
const plain: Fields = { scaling: { target: {} }, routing: { strategy: 'LeastLoad' } };
const gpu = hardwareOf('gpu', { accelerator: { resourceName: 'nvidia.com/gpu' } });
const externalWith = (engine: Fields): Fields => ({
  engine: { type: 'external', url: 'http://10.0.0.7:8000', upstreamModel: 'big', ...engine },
});
const external: Fields = { ...externalWith({}), hardware: undefined, model: { servedName: 'gpt' } };

/** A change of each field that means something: what it is added to, and what is added. */
const changes: Record<string, Fields | [base: Fields, change: Fields]> = {
  'model.uri': { model: { uri: 'hf://Qwen/Qwen3-1.7B' } },
  'model.revision': { model: { uri: 'hf://Qwen/Qwen3-0.6B', revision: 'abc' } },
  'model.servedName': { model: { uri: 'hf://Qwen/Qwen3-0.6B', servedName: 'qwen' } },
  'model.aliases': { model: { uri: 'hf://Qwen/Qwen3-0.6B', aliases: ['latest'] } },
  'model.task': { model: { uri: 'hf://Qwen/Qwen3-0.6B', task: 'Embed' } },
  'model.capabilities': { model: { uri: 'hf://Qwen/Qwen3-0.6B', capabilities: ['Vision'] } },
  'model.secretRef.name': { model: { uri: 'hf://Qwen/Qwen3-0.6B', secretRef: { name: 'hub' } } },
  'model.secretRef.key': { model: { uri: 'hf://Qwen/Qwen3-0.6B', secretRef: { name: 'hub', key: 'other' } } },
  'model.verify.sha256': { model: { uri: 'hf://Qwen/Qwen3-0.6B', verify: { sha256: 'a'.repeat(64) } } },
  'model.verify.sha256Manifest': {
    model: { uri: 'hf://Qwen/Qwen3-0.6B', verify: { sha256Manifest: 'https://a/sums' } },
  },
  tier: { tier: 'large' },
  quantization: { quantization: 'int4' },
  'hardware.class': { hardware: { class: 'gpu', count: 1 } },
  'hardware.count': { hardware: { class: 'cpu', count: 2 } },
  'parallelism.tensor': { parallelism: { tensor: 2 } },
  'parallelism.pipeline': { parallelism: { pipeline: 2 } },
  'engine.type': { engine: { type: 'vllm' } },
  'engine.url': [external, externalWith({ url: 'http://10.0.0.8:8000' })],
  'engine.upstreamModel': [external, externalWith({ upstreamModel: 'xl' })],
  'engine.secretRef.name': [external, externalWith({ secretRef: { name: 'token' } })],
  'engine.secretRef.key': [
    { ...external, ...externalWith({ secretRef: { name: 'token' } }) },
    externalWith({ secretRef: { name: 'token', key: 'other' } }),
  ],
  'engine.pricePerMillionTokens': [external, externalWith({ pricePerMillionTokens: '2' })],
  'engine.image': { engine: { image: 'registry/engine:1' } },
  'engine.args': { engine: { args: ['--fast'] } },
  'engine.env': { engine: { env: [{ name: 'A', value: 'b' }] } },
  'engine.maxConcurrency': { engine: { maxConcurrency: 3 } },
  'engine.contextLength': { engine: { contextLength: 512 } },
  'engine.threads': { engine: { threads: 7 } },
  replicas: [{ scaling: undefined }, { replicas: 3 }],
  'scaling.owner': { scaling: { owner: 'KEDA' } },
  'scaling.mode': { scaling: { mode: 'Recommend' } },
  'scaling.minReplicas': { scaling: { minReplicas: 2 } },
  'scaling.maxReplicas': { scaling: { maxReplicas: 9 } },
  'scaling.target.metric': { scaling: { target: { metric: 'QueueDepth' } } },
  'scaling.target.value': { scaling: { target: { value: 99 } } },
  'scaling.window.stable': { scaling: { window: { stable: '90s' } } },
  'scaling.window.panic': { scaling: { window: { panic: '3s' } } },
  'scaling.window.panicThreshold': { scaling: { window: { panicThreshold: 300 } } },
  'scaling.rate.up': { scaling: { rate: { up: 8 } } },
  'scaling.rate.down': { scaling: { rate: { down: 8 } } },
  'scaling.scaleDownDelay': { scaling: { scaleDownDelay: '1s' } },
  'scaling.scaleToZeroAfter': { scaling: { scaleToZeroAfter: '1m' } },
  'scaling.schedules': { scaling: { schedules: [{ start: '08:00', end: '18:00', minReplicas: 1 }] } },
  'coldStart.maxQueued': { coldStart: { maxQueued: 7 } },
  'coldStart.holdTimeout': { coldStart: { holdTimeout: '7s' } },
  'coldStart.keepAlive': { coldStart: { keepAlive: '7s' } },
  'coldStart.fallbackTier': { coldStart: { fallbackTier: 'large' } },
  'saturation.queueTimeout': { saturation: { queueTimeout: '7s' } },
  'rollout.strategy': { rollout: { strategy: 'BlueGreen' } },
  'rollout.maxSurge': { rollout: { maxSurge: 2 } },
  'rollout.maxUnavailable': { rollout: { maxUnavailable: 2 } },
  'rollout.progressDeadline': { rollout: { progressDeadline: '7m' } },
  'rollout.canary.steps': { rollout: { strategy: 'Canary', canary: { steps: [{ weight: 10 }] } } },
  'rollout.canary.analysis.maxErrorRatio': {
    rollout: { strategy: 'Canary', canary: { steps: [{ weight: 10 }], analysis: { maxErrorRatio: '0.1' } } },
  },
  'rollout.canary.analysis.maxTTFTP95': {
    rollout: { strategy: 'Canary', canary: { steps: [{ weight: 10 }], analysis: { maxTTFTP95: '1s' } } },
  },
  'rollout.canary.analysis.minRequests': {
    rollout: { strategy: 'Canary', canary: { steps: [{ weight: 10 }], analysis: { minRequests: 7 } } },
  },
  'rollout.abTest.weight': { rollout: { abTest: { weight: 10 } } },
  'rollout.abTest.header.name': { rollout: { abTest: { header: { name: 'x-arm', value: 'b' } } } },
  'rollout.abTest.header.value': { rollout: { abTest: { header: { name: 'x-arm', value: 'c' } } } },
  'rollout.abTest.minRequests': { rollout: { abTest: { weight: 10, minRequests: 7 } } },
  'rollout.autoRollback': { rollout: { autoRollback: false } },
  'rollout.revisionHistoryLimit': { rollout: { revisionHistoryLimit: 7 } },
  'update.hot': { update: { hot: 'Never' } },
  adapters: { adapters: [{ name: 'tone', uri: 'hf://a/b' }] },
  'cache.mode': { cache: { mode: 'Node' } },
  'cache.pvcRef.name': { cache: { mode: 'Shared', pvcRef: { name: 'weights' } } },
  'cache.sizeLimit': { cache: { sizeLimit: '10Gi' } },
  'drain.preStop': { drain: { preStop: '7s' } },
  'drain.gracePeriod': { drain: { gracePeriod: '77s' } },
  'routing.strategy': [{ replicas: 2, scaling: undefined, routing: { strategy: 'LeastLoad' } }, { routing: {} }],
  'routing.loadFactor': { routing: { loadFactor: 150 } },
  'slo.ttftP95': { slo: { ttftP95: '1s' } },
  'slo.itlP95': { slo: { itlP95: '1s' } },
  'slo.availability': { slo: { availability: '99.5' } },
  'slo.window': { slo: { window: '7d' } },
  'scheduling.priorityClassName': { scheduling: { priorityClassName: 'high' } },
  'scheduling.nodeSelector': { scheduling: { nodeSelector: { zone: 'a' } } },
  'scheduling.tolerations': { scheduling: { tolerations: [{ key: 'gpu', operator: 'Exists' }] } },
  'scheduling.topologySpread': { scheduling: { topologySpread: [{}] } },
  'scheduling.queueName': { scheduling: { queueName: 'q' } },
  podTemplate: { podTemplate: { spec: {} } },
  paused: { paused: true },
  suspend: { suspend: true },
};

/** Everything that follows from a spec on this machine: processes, scaling, the router's view, conditions. */
function consequences(spec: Fields): { acts: string; told: string[] } {
  const deployment = deploymentOf({ ...plain, ...spec });
  const hardwareClass = deployment.spec.hardware?.class === 'gpu' ? gpu : cpuClass;
  const { resolved, ...plan } = planDeployment({
    deployment,
    hardwareClass,
    substrate: localSubstrate,
    cacheDir: '/cache',
  });
  const { notActedOn, ...decided } = resolved;
  const secrets = ['token', 'hub'].map((name) => ({
    apiVersion: 'v1' as const,
    kind: 'Secret' as const,
    metadata: { name },
    stringData: { token: 'secret', other: 'another' },
  }));
  const { config, costSource } = planRouter({
    router: routerOf(),
    pools: [{ deployment, resolved }],
    hardwareClasses: [hardwareClass],
    secrets,
    listen: { host: '127.0.0.1' },
  });
  const observed = { replicas: [], desired: 1, scaling: undefined, hasSignal: true, router: 'ready' } as const;
  const conditions = deploymentConditions({ spec: deployment.spec, resolved, observed });
  return {
    acts: JSON.stringify({ plan, decided, config, costSource, conditions, url: deployment.spec.engine.url }),
    told: notActedOn.map(({ path }) => path),
  };
}

/** Paths of all fields that have no fields of their own. */
function leavesOf(schema: unknown, path: string): string[] {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault)
    inner = inner.unwrap();
  if (!(inner instanceof z.ZodObject)) return [path];
  return Object.entries(inner.shape).flatMap(([name, field]) =>
    leavesOf(field, path === '' ? name : `${path}.${name}`),
  );
}

describe('a field of a pool', () => {
  it('is here, whichever it is', () => {
    const byName = (a: string, b: string): number => a.localeCompare(b);
    expect(Object.keys(changes).toSorted(byName)).toEqual(leavesOf(specSchema, '').toSorted(byName));
  });

  it.each(Object.entries(changes))('%s has a consequence on this machine, or is said to have none', (path, given) => {
    const [base, change] = Array.isArray(given) ? given : [{}, given];
    const before = consequences(base);
    const after = consequences({ ...base, ...change });
    const isTold = after.told.some((told) => `spec.${path}` === told || `spec.${path}`.startsWith(`${told}.`));
    expect({ path, acts: after.acts !== before.acts || isTold }).toEqual({ path, acts: true });
  });

  it('that is left alone is not mentioned', () => {
    expect(consequences({}).told).toEqual([]);
  });
});
