import { ManualClock } from '@qwenfleet/core/clock';
import { describe, expect, it } from 'vitest';
import { FleetView } from './fleet-view.ts';
import { endpointsOf, poolOf } from './harness/router.ts';

const woken: string[] = [];
const fleetOf = (...names: string[]): FleetView =>
  new FleetView(
    names.map((name) => poolOf({ name })),
    { clock: new ManualClock(), rng: () => 0, onWake: (pool) => woken.push(pool) },
  );
const signal = new AbortController().signal;

describe('a pool', () => {
  const fleet = new FleetView(
    [
      poolOf({ name: 'small', models: ['Qwen/Qwen3-8B', 'latest'] }),
      poolOf({ name: 'latest' }),
      poolOf({ name: 'vectors', task: 'embed' }),
    ],
    { clock: new ManualClock(), rng: () => 0, onWake: () => undefined },
  );

  it('is found by its name, and by its model’s', () => {
    expect(fleet.named('small', 'generate').config.name).toBe('small');
    expect(fleet.named('Qwen/Qwen3-8B', 'generate').config.name).toBe('small');
  });

  it('is found by its own name before another goes by it', () => {
    expect(fleet.named('latest', 'generate').config.name).toBe('latest');
  });

  it('that there is not is refused with those that there are', () => {
    expect(() => fleet.named('gpt-17', 'generate')).toThrow(
      expect.objectContaining({ code: 'model_not_found', param: 'model' }),
    );
    expect(() => fleet.named('gpt-17', 'generate')).toThrow(/"gpt-17".*"auto", "small", "latest", "vectors"/);
  });

  it.each([
    ['vectors', 'generate', 'POST /v1/embeddings'],
    ['small', 'embed', 'POST /v1/chat/completions'],
  ] as const)('of the other kind, %s for %s, is refused with where to ask', (name, task, remedy) => {
    expect(() => fleet.named(name, task)).toThrow(expect.objectContaining({ code: 'unsupported', status: 400 }));
    expect(() => fleet.named(name, task)).toThrow(remedy);
  });
});

describe('lists of endpoints', () => {
  it('that are older than the last one are ignored', () => {
    const fleet = fleetOf('small');
    fleet.update({ generation: 5, pools: { small: endpointsOf(['http://new']) } });
    fleet.update({ generation: 4, pools: { small: endpointsOf([]) } });
    expect(fleet.pools[0]?.ready).toBe(1);
  });

  it('are known of once one has come', () => {
    const fleet = fleetOf('small');
    expect(fleet.known).toBe(false);
    fleet.update({ generation: 0, pools: {} });
    expect(fleet.known).toBe(true);
  });

  it('may name pools before the configuration does', async () => {
    const fleet = fleetOf('small');
    fleet.update({ generation: 1, pools: { late: endpointsOf(['http://late']) } });
    fleet.configure([poolOf({ name: 'small' }), poolOf({ name: 'late' })]);
    expect((await fleet.named('late', 'generate').acquire({ bytes: 1, signal })).url).toBe('http://late');
  });
});

describe('a change of configuration', () => {
  it('keeps a pool’s requests and replicas by its name, whatever its place', async () => {
    const fleet = fleetOf('a', 'b');
    fleet.update({ generation: 1, pools: { b: endpointsOf(['http://b']) } });
    await fleet.named('b', 'generate').acquire({ bytes: 1, signal });
    const kept = fleet.named('b', 'generate');
    fleet.configure([poolOf({ name: 'c' }), poolOf({ name: 'b', contextLength: 99 })]);
    expect(fleet.named('b', 'generate')).toBe(kept);
    expect(kept.report.inFlight).toBe(1);
    expect(kept.config.contextLength).toBe(99);
    expect(Object.keys(fleet.reports())).toEqual(['c', 'b']);
    expect(() => fleet.named('a', 'generate')).toThrow(/not served/);
  });

  it('wakes a pool by the name that it was added under', async () => {
    const fleet = fleetOf('a');
    fleet.configure([poolOf({ name: 'added' })]);
    fleet.update({ generation: 1, pools: { added: endpointsOf([], { wakeable: true }) } });
    const client = new AbortController();
    const waiting = fleet.named('added', 'generate').acquire({ bytes: 1, signal: client.signal });
    expect(woken).toEqual(['added']);
    client.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
  });
});
