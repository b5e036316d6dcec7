import { ManualClock, type Clock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StatusError } from '../client/status-error.ts';
import { LeaderElection } from './election.ts';
import type { Lease, LeaseApi, LeaseSpec } from './lease.ts';

/** What becomes of a request: how long it and its answer are on the way, or that one of them is lost. */
type Way = { thereMs: number; backMs: number; lost?: 'request' | 'answer' };

/** The one lease as an API server keeps it. */
class ModelLease {
  spec: LeaseSpec | undefined;
  #version = 1;

  get lease(): Lease {
    if (!this.spec) throw new StatusError({ statusCode: 404, message: 'not found' });
    const metadata = { name: 'l', namespace: 'a', resourceVersion: String(this.#version) };
    return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: this.spec };
  }

  write(seen: string | undefined, spec: LeaseSpec): Lease {
    const current = this.spec === undefined ? undefined : String(this.#version);
    if (seen !== current) throw new StatusError({ statusCode: 409, reason: 'Conflict', message: 'changed' });
    this.spec = spec;
    this.#version += 1;
    return this.lease;
  }

  /** As seen through a network. */
  through(clock: Clock, way: () => Way): LeaseApi {
    const call = async (act: () => Lease, signal: AbortSignal): Promise<Lease> => {
      const { thereMs, backMs, lost } = way();
      const answered = (async () => {
        if (lost === 'request') return new Promise<Lease>(() => undefined);
        await clock.sleep(thereMs);
        const lease = act();
        await clock.sleep(backMs);
        return lost === 'answer' ? new Promise<Lease>(() => undefined) : lease;
      })();
      answered.catch(() => undefined);
      const left = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      return Promise.race([answered, left]);
    };
    return {
      get: (signal) => call(() => this.lease, signal),
      create: (spec, signal) => call(() => this.write(undefined, spec), signal),
      update: (seen, spec, signal) => call(() => this.write(seen.metadata.resourceVersion, spec), signal),
    };
  }
}

const near: Way = { thereMs: 1, backMs: 1 };

type Candidate = { election: LeaderElection; lost: number };
function candidate(
  identity: string,
  {
    model,
    clock,
    way = () => near,
    telemetry,
  }: { model: ModelLease; clock: Clock; way?: () => Way; telemetry?: Telemetry },
): Candidate {
  const made: Candidate = {
    lost: 0,
    election: new LeaderElection(
      { name: 'l', identity, lease: model.through(clock, way), onLost: () => (made.lost += 1) },
      { clock, rng: seededRng(identity.length), log: silentLogger, telemetry },
    ),
  };
  return made;
}

/** Stops it though the clock has to be moved for that. */
async function stop(clock: ManualClock, { election }: Candidate): Promise<void> {
  const stopped = election.stop();
  await clock.advance(0);
  await clock.advance(10_000);
  await stopped;
}

describe('an election', () => {
  it('has one leader, and the next when that one stops, at once', async () => {
    const clock = new ManualClock();
    const model = new ModelLease();
    const telemetry = new Telemetry('kube');
    const a = candidate('a', { model, clock, telemetry });
    const b = candidate('bb', { model, clock });
    a.election.start();
    await clock.advance(100);
    b.election.start();
    await clock.advance(60_000);
    await a.election.elected;
    expect([a.election.isLeader, b.election.isLeader, b.election.holder]).toEqual([true, false, 'a']);
    expect((await telemetry.expose()).body).toContain('leader_election_master_status{name="l"} 1');
    const stopped = a.election.stop();
    await clock.advance(0);
    await clock.advance(2_500);
    await stopped;
    expect([a.election.isLeader, b.election.isLeader]).toEqual([false, true]);
    expect(model.spec).toMatchObject({ holderIdentity: 'bb', leaseDurationSeconds: 15, leaseTransitions: 1 });
    expect(a.election.fence.signal.aborted).toBe(true);
    expect([a.lost, b.lost]).toEqual([0, 0]);
    await stop(clock, b);
  });

  it('writes times as Kubernetes reads them', async () => {
    const clock = new ManualClock(1_700_000_000_123);
    const model = new ModelLease();
    const a = candidate('a', { model, clock });
    a.election.start();
    await clock.advance(100);
    expect(model.spec?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await stop(clock, a);
  });

  it('lets nobody in until the lease has not changed for its whole time, whatever its timestamps say', async () => {
    const clock = new ManualClock();
    const model = new ModelLease();
    model.write(undefined, {
      holderIdentity: 'dead',
      leaseDurationSeconds: 15,
      renewTime: '1999-01-01T00:00:00.000000Z',
    });
    const a = candidate('a', { model, clock });
    a.election.start();
    await clock.advance(14_900);
    expect(a.election.isLeader).toBe(false);
    await clock.advance(3_000);
    expect(a.election.isLeader).toBe(true);
    await stop(clock, a);
  });

  it('is over for a leader that cannot renew, before anybody else may lead', async () => {
    const clock = new ManualClock();
    const model = new ModelLease();
    let cut = false;
    const a = candidate('a', { model, clock, way: () => (cut ? { ...near, lost: 'request' } : near) });
    const b = candidate('bb', { model, clock });
    a.election.start();
    await clock.advance(100);
    b.election.start();
    await clock.advance(10_000);
    cut = true;
    await clock.advance(10_001);
    expect([a.election.isLeader, a.lost, a.election.fence.signal.aborted]).toEqual([false, 1, true]);
    expect(b.election.isLeader).toBe(false);
    await clock.advance(8_000);
    expect(b.election.isLeader).toBe(true);
    await stop(clock, a);
    await stop(clock, b);
  });

  it('survives answers that are lost: the lease is ours all the same', async () => {
    const clock = new ManualClock();
    const model = new ModelLease();
    let calls = 0;
    const a = candidate('a', {
      model,
      clock,
      way: () => ((calls += 1) % 4 === 0 ? { ...near, lost: 'answer' } : near),
    });
    a.election.start();
    await clock.advance(300_000);
    expect([a.election.isLeader, a.lost]).toEqual([true, 0]);
    await stop(clock, a);
  });

  it('is over at once when somebody else holds the lease', async () => {
    const clock = new ManualClock();
    const model = new ModelLease();
    const a = candidate('a', { model, clock });
    a.election.start();
    await clock.advance(100);
    model.write(model.lease.metadata.resourceVersion, { holderIdentity: 'admin', leaseDurationSeconds: 3_600 });
    await clock.advance(4_100);
    expect([a.election.isLeader, a.lost, a.election.holder]).toEqual([false, 1, 'admin']);
    await stop(clock, a);
  });

  it('gives a process that was stopped no right to write when it wakes, though no timer has run yet', async () => {
    const clock = new ManualClock();
    const model = new ModelLease();
    let stalledMs = 0;
    // A stalled process: its clock has moved, its timers have not.
    const stalling: Clock = {
      nowMs: () => clock.nowMs() + stalledMs,
      epochMs: () => clock.epochMs(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    };
    const a = candidate('a', { model, clock: stalling });
    a.election.start();
    await clock.advance(100);
    expect(a.election.fence.leftMs()).toBeGreaterThan(9_000);
    stalledMs = 12_000;
    expect(a.election.fence.leftMs()).toBeLessThan(0);
    const seen = model.lease.metadata.resourceVersion;
    await clock.advance(2_000);
    expect(a.lost).toBe(1);
    expect(model.lease.metadata.resourceVersion).toBe(seen);
    await stop(clock, a);
  });

  it('that is stopped early tells who waits for it', async () => {
    const clock = new ManualClock();
    const a = candidate('a', { model: new ModelLease(), clock, way: () => ({ ...near, lost: 'request' }) });
    a.election.start();
    await stop(clock, a);
    await expect(a.election.elected).rejects.toMatchObject({ code: 'cancelled' });
  });
});

/** For a while, the requests of one process or their answers are lost, or both are slow. */
type Trouble = { who: number; fromMs: number; forMs: number; thereMs: number; backMs: number; lost: Way['lost'] };
const trouble: fc.Arbitrary<Trouble> = fc.record({
  who: fc.nat(2),
  fromMs: fc.nat(120_000),
  forMs: fc.nat(40_000),
  thereMs: fc.nat(12_000),
  backMs: fc.nat(6_000),
  lost: fc.constantFrom<Way['lost']>('request', 'answer', undefined),
});

describe('whatever the network does', () => {
  it('two processes never have the right to write at once, and in the end one has it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(trouble, { minLength: 1, maxLength: 8 }), async (troubles) => {
        const clock = new ManualClock();
        const model = new ModelLease();
        const wayOf = (who: number) => (): Way => {
          const nowMs = clock.nowMs();
          const met = troubles.find((t) => t.who === who && nowMs >= t.fromMs && nowMs < t.fromMs + t.forMs);
          return met ? { thereMs: met.thereMs, backMs: met.backMs, ...(met.lost ? { lost: met.lost } : {}) } : near;
        };
        const candidates = [0, 1, 2].map((who) => candidate('x'.repeat(who + 1), { model, clock, way: wayOf(who) }));
        const leaders = (): number => candidates.filter(({ election }) => election.fence.leftMs() > 0).length;
        const together: number[] = [];
        for (const { election } of candidates) {
          election.start();
          // Only where a process begins to lead can there be two.
          election.elected.then(
            () => together.push(leaders()),
            () => undefined,
          );
        }
        await clock.advance(220_000);
        expect(together.every((number) => number === 1)).toBe(true);
        // Who lost it has left for good; as long as anybody is left, somebody leads.
        if (candidates.some(({ lost }) => lost === 0)) expect(leaders()).toBe(1);
        await Promise.all(candidates.map((each) => stop(clock, each)));
      }),
      { numRuns: 60 },
    );
  });
});
