import { emptyHistogram, observe } from '@qwenfleet/core/load/histogram';
import type { RevisionReport } from '@qwenfleet/core/load/pool-report';
import type { RouterSample } from '@qwenfleet/operator/scale/metrics';
import type { Revision, Scenario } from '../scenario.ts';
import { only, type Api } from './api.ts';
import type { Chance } from './chance.ts';
import type { Cluster } from './cluster.ts';

/** What a router answers at GET /load, as far as the operator decides by it. */
export type Report = {
  /** Another one for every start of the router. */
  instance: string;
  load: RouterSample;
  revisions: Readonly<Record<string, RevisionReport>>;
  /** Weights in force. */
  weights: Readonly<Record<string, number>>;
};

/** How often a router works through what has arrived and what is done. */
export const turnMs = 1_000;
/** How long a router that starts anew says nothing. */
const restartMs = 4_000;
/** How long a router takes to read its configuration, at most. */
const obeyMsMax = 3_000;
/** One more request is refused with 503. */
const heldMax = 256;

/** How long a request keeps its slot on average: a router looks at the end of a turn only. */
export const heldMs = (serviceMs: number): number => turnMs / doneInTurn(serviceMs);
const doneInTurn = (serviceMs: number): number => 1 - Math.exp(-turnMs / serviceMs);

type World = { api: Api; cluster: Cluster; chance: Chance; scenario: Scenario };

/** A router as numbers: how many requests each revision works on, how many wait, and what became of them. */
export class Router {
  held = 0;
  readonly inFlight = new Map<Revision, number>();
  #totals: Record<string, RevisionReport> = {};
  #weights: Readonly<Record<string, number>> = {};
  #lastRequestMs: number | undefined;
  #silentUntilMs = -Infinity;
  #starts = 0;
  #turnedMs = 0;
  #due: number;
  readonly #owed = new Map<Revision, number>();
  readonly #name: string;
  readonly #world: World;
  readonly #peers: readonly Router[];
  readonly #doneInTurn: number;

  /** `peers`: all routers, which share the replicas. */
  constructor(name: string, world: World, peers: readonly Router[]) {
    this.#name = name;
    this.#world = world;
    this.#peers = peers;
    // Routers in step would make waves of what comes like clockwork.
    this.#due = peers.length / world.scenario.routers;
    this.#doneInTurn = doneInTurn(world.scenario.serviceMs);
  }

  get busy(): number {
    let total = 0;
    for (const count of this.inFlight.values()) total += count;
    return total;
  }

  /** `even`: requests come like clockwork, so that nothing is decided by chance. */
  turn(nowMs: number, perSecond: number, even: boolean): void {
    this.#turnedMs = nowMs;
    this.#obey();
    const mean = (perSecond * turnMs) / 1000;
    const arrivals = even ? this.#evenArrivals(mean) : this.#world.chance.poisson(mean);
    this.#finish(even);
    this.#dispatch(arrivals);
    if (arrivals > 0 || this.busy > 0 || this.held > 0) this.#lastRequestMs = nowMs;
  }

  #evenArrivals(mean: number): number {
    this.#due += mean;
    const arrivals = Math.floor(this.#due);
    this.#due -= arrivals;
    return arrivals;
  }

  /** Did it answer, at its last turn? */
  get isHeard(): boolean {
    return this.#turnedMs >= this.#silentUntilMs;
  }

  report(nowMs: number): Report | undefined {
    if (nowMs < this.#silentUntilMs) return undefined;
    const idleMs = this.#lastRequestMs === undefined ? undefined : nowMs - this.#lastRequestMs;
    return {
      instance: `${this.#name}-${this.#starts}`,
      load: { inFlight: this.busy, held: this.held, idleMs },
      revisions: copied(this.#totals),
      weights: this.#weights,
    };
  }

  /** What it has counted of a revision since it started. */
  counted(revision: string): RevisionReport | undefined {
    return this.#totals[revision];
  }

  /** A new process: it knows nothing, and its clients try again. */
  restart(nowMs: number): void {
    this.held += this.busy;
    this.inFlight.clear();
    this.#totals = {};
    this.#starts += 1;
    this.#lastRequestMs = undefined;
    this.silence(nowMs, restartMs);
  }

  /** It works, and nobody hears of it. */
  silence(nowMs: number, forMs: number): void {
    this.#silentUntilMs = Math.max(this.#silentUntilMs, nowMs + forMs);
  }

  #obey(): void {
    const { api, chance } = this.#world;
    const traffic = api.get('traffic', only)?.body;
    if (traffic && traffic.weights !== this.#weights && chance.happens(turnMs / obeyMsMax)) {
      this.#weights = traffic.weights;
    }
  }

  /** What was sent to replicas that are gone is tried again elsewhere; of the rest, some is done. */
  #finish(even: boolean): void {
    const { cluster, chance, scenario } = this.#world;
    for (const [revision, count] of this.inFlight) {
      const most = cluster.ready(revision.name) * scenario.slots;
      const over = this.#peers.reduce((sum, peer) => sum + (peer.inFlight.get(revision) ?? 0), 0) - most;
      const lost = Math.min(count, Math.max(0, over));
      this.held = Math.min(heldMax, this.held + lost);
      this.#count(revision, { ended: lost, failed: 0, started: 0 });
      const done = even ? this.#evenly(revision, count - lost) : chance.binomial(count - lost, this.#doneInTurn);
      for (let at = 0; at < done; at += 1) this.#answer(revision);
      this.inFlight.set(revision, count - lost - done);
    }
  }

  /** As many as are done on average, fractions carried on. */
  #evenly(revision: Revision, count: number): number {
    const owed = (this.#owed.get(revision) ?? 0) + count * this.#doneInTurn;
    const done = Math.min(count, Math.floor(owed));
    this.#owed.set(revision, owed - done);
    return done;
  }

  #answer(revision: Revision): void {
    const { chance } = this.#world;
    const failed = chance.happens(revision.errorRatio);
    const report = this.#count(revision, { ended: 1, failed: failed ? 1 : 0, started: 0 });
    if (!failed) observe(report.firstByte, revision.ttftMs * chance.between(0.7, 1.3));
  }

  #count(
    revision: Revision,
    { ended, failed, started }: { ended: number; failed: number; started: number },
  ): RevisionReport {
    const report = (this.#totals[revision.name] ??= {
      inFlight: 0,
      requestsTotal: 0,
      errorsTotal: 0,
      firstByte: emptyHistogram(),
    });
    report.requestsTotal += started;
    report.inFlight += started - ended;
    report.errorsTotal += failed;
    return report;
  }

  #dispatch(arrivals: number): void {
    const { cluster, scenario } = this.#world;
    const targets = scenario.revisions
      .map((revision) => ({
        revision,
        weight: this.#weights[revision.name] ?? 0,
        free:
          cluster.ready(revision.name) * scenario.slots -
          this.#peers.reduce((sum, peer) => sum + (peer.inFlight.get(revision) ?? 0), 0),
      }))
      .filter(({ weight, free }) => weight > 0 && free > 0);
    let waiting = this.held + arrivals;
    while (waiting > 0 && targets.length > 0) {
      const at = this.#choose(targets);
      const target = targets[at];
      if (!target) break;
      this.inFlight.set(target.revision, (this.inFlight.get(target.revision) ?? 0) + 1);
      this.#count(target.revision, { ended: 0, failed: 0, started: 1 });
      target.free -= 1;
      waiting -= 1;
      if (target.free === 0) targets.splice(at, 1);
    }
    this.held = Math.min(waiting, heldMax);
  }

  #choose(targets: readonly { weight: number }[]): number {
    if (targets.length === 1) return 0;
    const total = targets.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#world.chance.rng() * total;
    return Math.max(
      0,
      targets.findIndex(({ weight }) => (left -= weight) < 0),
    );
  }
}

/** A copy, as a report is: the router goes on counting. */
const copied = (totals: Readonly<Record<string, RevisionReport>>): Record<string, RevisionReport> =>
  Object.fromEntries(
    Object.entries(totals).map(([revision, report]) => [
      revision,
      { ...report, firstByte: { ...report.firstByte, counts: [...report.firstByte.counts] } },
    ]),
  );
