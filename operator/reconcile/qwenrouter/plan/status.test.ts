import { routerStatusSchema } from '@qwenfleet/crds/qwenrouter/status';
import { describe, expect, it } from 'vitest';
import { noCapabilities } from '../../../specs/capabilities.ts';
import { deploymentOf, planOf, readFixture } from '../../../specs/harness/pool.ts';
import { withTransitions } from '../../conditions.ts';
import { clusterRouter } from './cluster.ts';
import { routerStatus, type ObservedRouter, type RouterStatusInput } from './status.ts';

const { router } = readFixture('router');
if (!router) throw new Error('the fixture has no QwenRouter');
const deployment = deploymentOf();
const found = clusterRouter({
  router,
  pools: [{ deployment, resolved: planOf(deployment).resolved }],
  hardwareClasses: [],
  secrets: [],
  image: 'router',
  capabilities: noCapabilities,
  integrations: {},
});

const seen = (more: Partial<ObservedRouter> = {}): ObservedRouter => ({
  replicas: 2,
  readyReplicas: 2,
  programmed: 2,
  failure: undefined,
  health: new Map([['chat', 'ScaledToZero']]),
  ...more,
});
const status = (more: Partial<RouterStatusInput> = {}) => routerStatus({ router, found, observed: seen(), ...more });
const condition = (of: ReturnType<typeof status>, type: string) => of.conditions.find((each) => each.type === type);

describe('the status of a router', () => {
  it('says where it answers, and how its pools are', () => {
    expect(status()).toMatchObject({
      url: 'http://router.fleet.svc:80',
      selector: 'qwenfleet.io/router=router',
      readyReplicas: 2,
      pools: [{ name: 'chat', tier: 'small', health: 'ScaledToZero', costPerToken: '1' }],
    });
    expect(condition(status(), 'Ready')).toMatchObject({ status: 'True', message: '2 of 2 routers answer' });
  });

  it('is one that the API server accepts', () => {
    const written = status({ observed: seen({ health: new Map() }) });
    const conditions = withTransitions([], written.conditions, '2026-03-01T10:00:00Z');
    expect(routerStatusSchema.safeParse({ ...written, conditions }).error).toBeUndefined();
  });

  it.each([
    ['no pool is selected', { found: { plan: undefined, selected: 0, nameConflict: false } }, 'NoPools'],
    ['too many pools are', { found: { plan: undefined, selected: 65, nameConflict: false } }, 'TooManyPools'],
    ['a pool has its name', { found: { ...found, nameConflict: true } }, 'NameConflict'],
    ['no router answers yet', { observed: seen({ readyReplicas: 0 }) }, 'Starting'],
    [
      'none can',
      { observed: seen({ readyReplicas: 0, failure: { code: 'image_pull_failed', message: 'image' } }) },
      'RouterFailed',
    ],
  ])('is not ready while %s', (_what, more, reason) => {
    expect(condition(status(more), 'Ready')).toMatchObject({ status: 'False', reason });
  });

  it('tells which routers run on an older configuration, and serves all the same', () => {
    const written = status({ observed: seen({ programmed: 1 }) });
    expect(condition(written, 'ConfigProgrammed')).toMatchObject({
      status: 'False',
      reason: 'Stale',
      message: '1 of 2 routers run on an older configuration',
    });
    expect(condition(written, 'Ready')?.status).toBe('True');
  });

  it('says that nothing is changed while it is paused', () => {
    const paused = { ...router, spec: { ...router.spec, paused: true } };
    expect(condition(status({ router: paused }), 'Ready')).toMatchObject({ status: 'True', reason: 'Paused' });
  });
});
