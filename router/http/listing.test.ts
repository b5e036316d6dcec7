import { ManualClock } from '@qwenfleet/core/clock';
import { describe, expect, it } from 'vitest';
import { FleetView } from '../fleet-view.ts';
import { endpointsOf, poolOf } from '../harness/router.ts';
import { modelList, poolList } from './listing.ts';

const pools = [
  poolOf({ name: 'small', models: ['Qwen/Qwen3-8B', 'qwen-latest'], contextLength: 2_048 }),
  poolOf({ name: 'large', tier: 'large', contextLength: 8_192, description: 'Qwen3 32B' }),
];
const embedder = poolOf({ name: 'vectors', task: 'embed' });

function fleetOf(configs = pools): FleetView {
  return new FleetView(configs, { clock: new ManualClock(), rng: () => 0, onWake: () => undefined });
}
const statuses = (fleet: FleetView): Record<string, unknown> =>
  Object.fromEntries(modelList(fleet, 0).data.map(({ id, status }) => [id, status]));

describe('the list of models', () => {
  it('has auto first, then every pool by every name', () => {
    const { data, object } = modelList(fleetOf(), 1_700_000_000_000);
    expect(object).toBe('list');
    expect(data.map(({ id }) => id)).toEqual(['auto', 'small', 'Qwen/Qwen3-8B', 'qwen-latest', 'large']);
    expect(data[2]).toEqual({
      id: 'Qwen/Qwen3-8B',
      object: 'model',
      created: 1_700_000_000,
      owned_by: 'qwenfleet',
      status: 'unavailable',
      pool: 'small',
      tier: 'small',
      context_length: 2_048,
    });
    expect(data[0]).toMatchObject({ context_length: 8_192 });
  });

  it('lists pools at zero, and calls them that', () => {
    const fleet = fleetOf();
    fleet.update({ generation: 1, pools: { small: endpointsOf([], { wakeable: true }) } });
    expect(statuses(fleet)).toMatchObject({ auto: 'scaled-to-zero', small: 'scaled-to-zero', large: 'unavailable' });
  });

  it('calls auto as ready as the readiest of its pools', () => {
    const fleet = fleetOf();
    expect(statuses(fleet)['auto']).toBe('unavailable');
    fleet.update({ generation: 1, pools: { small: endpointsOf([], { starting: 1, wakeable: true }) } });
    expect(statuses(fleet)['auto']).toBe('starting');
    fleet.update({ generation: 2, pools: { large: endpointsOf(['http://a']) } });
    expect(statuses(fleet)).toMatchObject({ auto: 'ready', large: 'ready', small: 'starting' });
  });

  it('has no auto where nothing writes text', () => {
    expect(modelList(fleetOf([embedder]), 0).data.map(({ id }) => id)).toEqual(['vectors']);
  });
});

describe('the list of pools', () => {
  it('says what each is and does, and what is wrong with it', () => {
    const fleet = fleetOf();
    fleet.update({
      generation: 1,
      pools: { small: endpointsOf(['http://a']), large: endpointsOf([], { problem: 'the pool is suspended' }) },
    });
    expect(poolList(fleet).pools).toEqual([
      expect.objectContaining({ name: 'small', status: 'ready', ready: 1, desired: 1, inFlight: 0, held: 0 }),
      expect.objectContaining({ name: 'large', status: 'unavailable', problem: 'the pool is suspended' }),
    ]);
  });
});
