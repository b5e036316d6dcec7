import { ManualClock } from '@qwenfleet/core/clock';
import type { PoolReport } from '@qwenfleet/core/load/pool-report';
import { describe, expect, it } from 'vitest';
import { FleetView } from './fleet-view.ts';
import { endpointsOf, poolOf, turns } from './harness/router.ts';
import { LoadReporter } from './load-reporter.ts';

function started() {
  const clock = new ManualClock();
  const fleet = new FleetView([poolOf()], { clock, rng: () => 0, onWake: () => undefined });
  fleet.update({ generation: 1, pools: { small: endpointsOf(['http://a']) } });
  const told: Record<string, PoolReport>[] = [];
  const reporter = new LoadReporter(fleet, clock, (pools) => told.push(pools));
  return { clock, fleet, told, reporter };
}

describe('the load of a router', () => {
  it('is told at once, then once a second while nothing changes', async () => {
    const { clock, told, reporter } = started();
    reporter.start();
    await turns();
    expect(told).toHaveLength(1);
    await clock.advance(900);
    expect(told).toHaveLength(1);
    await clock.advance(2_100);
    expect(told).toHaveLength(4);
    reporter.stop();
  });

  it('is told within a tenth of a second of a change', async () => {
    const { clock, fleet, told, reporter } = started();
    reporter.start();
    await clock.advance(250);
    const lease = await fleet.pools[0]?.acquire({ bytes: 1, signal: new AbortController().signal });
    await clock.advance(100);
    expect(told.at(-1)?.['small']).toMatchObject({ inFlight: 1 });
    lease?.release({ kind: 'answered' });
    await clock.advance(100);
    expect(told.at(-1)?.['small']).toMatchObject({ inFlight: 0, requestsTotal: 1 });
    reporter.stop();
  });

  it('is told no more once the reporter has stopped', async () => {
    const { clock, told, reporter } = started();
    reporter.start();
    await turns();
    reporter.stop();
    await clock.advance(10_000);
    expect(told).toHaveLength(1);
  });
});
