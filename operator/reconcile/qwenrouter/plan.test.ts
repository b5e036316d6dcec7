import { createHash } from 'node:crypto';
import { routerConfigSchema } from '@qwenfleet/core/fleet/router-config';
import type { QwenDeployment, Secret } from '@qwenfleet/crds/kinds';
import { routerSpecSchema } from '@qwenfleet/crds/qwenrouter/spec';
import { describe, expect, it } from 'vitest';
import { cpuClass, deploymentOf, routerOf, secretOf } from '../../harness/objects.ts';
import { localSubstrate } from '../../local/substrate.ts';
import { resolveDeployment } from '../qwendeployment/plan/resolve.ts';
import { planRouter, type RouterPlan } from './plan.ts';

type Fields = Record<string, unknown>;
const fleet = ['small', 'medium', 'large'].map((tier) =>
  deploymentOf({ tier }, { name: tier, labels: { team: tier } }),
);

function plan(
  spec: Fields = {},
  { deployments = fleet, secrets = [] }: { deployments?: QwenDeployment[]; secrets?: Secret[] } = {},
): RouterPlan {
  return planRouter({
    router: routerOf(spec),
    pools: deployments.map((deployment) => ({
      deployment,
      resolved: resolveDeployment(deployment, cpuClass, localSubstrate),
    })),
    hardwareClasses: [cpuClass],
    secrets,
    listen: { host: '127.0.0.1' },
  });
}
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('what the router is told', () => {
  it('is every pool with its cost, and where to listen', () => {
    const { config, selected, costSource } = plan({ listen: { port: 9000 } });
    expect(config).toMatchObject({ name: 'router', listen: { host: '127.0.0.1', port: 9000 } });
    expect(config.pools.map(({ name }) => name)).toEqual(['small', 'medium', 'large']);
    expect(config.pools.map(({ costPerToken }) => Number(costPerToken.toFixed(3)))).toEqual([0.1, 0.316, 1]);
    expect([[...selected], costSource]).toEqual([['small', 'medium', 'large'], 'tier']);
    expect(routerConfigSchema.parse(config)).toEqual(config);
  });

  it('leaves out pools that the selector does not take, and weighs the others among themselves', () => {
    const expressions = [{ key: 'team', operator: 'In', values: ['small', 'medium'] }];
    const { config, selected } = plan({ pools: { selector: { matchExpressions: expressions } } });
    expect([...selected]).toEqual(['small', 'medium']);
    expect(config.pools.map(({ costPerToken }) => costPerToken)).toEqual([expect.closeTo(0.316, 3), 1]);
  });

  it('holds sessions to replicas where that is wanted, by the header that names them', () => {
    expect(plan().config).not.toHaveProperty('session');
    expect(plan({ session: { affinity: 'Pool' } }).config).not.toHaveProperty('session');
    expect(plan({ session: { affinity: 'Replica' } }).config.session).toEqual({ header: 'x-session-id' });
    const named = plan({ session: { affinity: 'Replica', header: 'x-thread' } });
    expect(named.config.session).toEqual({ header: 'x-thread' });
  });

  it('has every limit of the spec in milliseconds', () => {
    const { config } = plan({
      timeouts: { connect: '1s', firstByte: '2m', idle: '500ms', total: '1h' },
      retry: { maxAttempts: 5 },
      maxBodyBytes: 4096,
      drain: { gracePeriod: '9s' },
    });
    expect(config).toMatchObject({
      timeouts: { connectMs: 1_000, firstByteMs: 120_000, idleMs: 500, totalMs: 3_600_000 },
      retry: { attemptsMax: 5 },
      bodyBytesMax: 4096,
      drain: { graceMs: 9_000 },
    });
  });
});

describe('the objective', () => {
  const costWeightDefault = routerConfigSchema.shape.objective.parse(undefined).costWeight;

  it('is the spec’s, or the router’s own', () => {
    expect(plan({ objective: { costWeight: '0.5', waitWeight: '0.01' } }).config.objective).toEqual({
      costWeight: 0.5,
      waitWeight: 0.01,
    });
    expect(plan().config.objective.costWeight).toBe(costWeightDefault);
    expect(plan({ objective: { largeShare: '0.2' } }).config.objective).toMatchObject({ largeShare: 0.2 });
  });

  it('is documented with the number that holds when it is left out', () => {
    const { costWeight } = routerSpecSchema.shape.objective.unwrap().shape;
    expect(costWeight.unwrap().description).toContain(`${costWeightDefault} when left out`);
  });
});

describe('the keys of clients', () => {
  const secrets = [secretOf('clients', { ada: 'key-a\n', bob: 'key-b' }), secretOf('guests', { eve: 'key-e' })];

  it('are every entry of the Secrets, as digests only', () => {
    const spec = { keys: [{ secretRef: { name: 'clients' } }, { secretRef: { name: 'guests' } }] };
    const { config } = plan(spec, { secrets });
    expect(config.keys).toEqual([
      { id: 'ada', sha256: sha256('key-a') },
      { id: 'bob', sha256: sha256('key-b') },
      { id: 'eve', sha256: sha256('key-e') },
    ]);
    expect(JSON.stringify(config)).not.toContain('key-');
  });

  it('are one entry when one is named', () => {
    const { config } = plan({ keys: [{ secretRef: { name: 'clients', key: 'bob' } }] }, { secrets });
    expect(config.keys.map(({ id }) => id)).toEqual(['bob']);
  });

  it('have the moment and the scopes that stand beside their Secret', () => {
    const expires = '2027-01-31T00:00:00+01:00';
    const scopes = { models: ['small'], routes: ['/v1/embeddings'] };
    const { config } = plan(
      { keys: [{ secretRef: { name: 'clients', key: 'ada' } }, { secretRef: { name: 'guests' }, expires, scopes }] },
      { secrets },
    );
    expect(config.keys).toEqual([
      { id: 'ada', sha256: sha256('key-a') },
      { id: 'eve', sha256: sha256('key-e'), expires, scopes },
    ]);
  });

  it('are both good while a client stands in two Secrets, the old one until it expires', () => {
    const expires = '2027-01-31T00:00:00Z';
    const spec = {
      keys: [{ secretRef: { name: 'clients', key: 'ada' }, expires }, { secretRef: { name: 'newer' } }],
    };
    const { config } = plan(spec, { secrets: [...secrets, secretOf('newer', { ada: 'key-a2' })] });
    expect(config.keys).toEqual([
      { id: 'ada', sha256: sha256('key-a'), expires },
      { id: 'ada', sha256: sha256('key-a2') },
    ]);
  });

  it('have a quota, of which each router has its part and at least one of each', () => {
    const quota = { requestsPerMinute: 100, tokensPerMinute: 10_001, concurrency: 1 };
    const keys = [{ secretRef: { name: 'guests' }, quota }];
    expect(plan({ keys }, { secrets }).config.keys[0]?.quota).toEqual(quota);
    expect(plan({ keys, replicas: 2 }, { secrets }).config.keys[0]?.quota).toEqual({
      requestsPerMinute: 50,
      tokensPerMinute: 5_000,
      concurrency: 1,
    });
  });

  it('are none without any, and the endpoint is open', () => {
    expect(plan().config.keys).toEqual([]);
  });
});

describe('a field that no router acts on', () => {
  it.each<[string, Fields]>([
    ['spec.session.affinity', { session: { affinity: 'Pool' } }],
    ['spec.session.ttl', { session: { affinity: 'Replica', ttl: '1h' } }],
    ['spec.scenes', { scenes: [{ name: 'support' }] }],
  ])('is told: %s', (path, spec) => {
    expect(plan(spec).notActedOn.map((gap) => gap.path)).toEqual([path]);
  });

  it('is not mentioned when it asks for nothing', () => {
    expect(plan().notActedOn).toEqual([]);
  });
});
