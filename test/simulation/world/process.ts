import { timestampOf } from '@qwenfleet/core/timestamp';
import { epochStartMs, type Scenario } from '../scenario.ts';
import { only, type Api } from './api.ts';
import type { Chance } from './chance.ts';
import { Election, retryMs, type Send } from './election.ts';
import type { Picture } from './picture.ts';
import type { EventQueue } from './queue.ts';
import { Reconciler, type Decisions, type Watcher } from './reconciler.ts';
import type { Router } from './router.ts';
import { Watch, type Confusion } from './watch.ts';

/** How often the leader looks. */
const tickMs = 2_000;
/** How far the calendar of one process may be from another's. */
const skewMs = 2_000;

export type Turbulence = Confusion & {
  /** Chances for one request: refused with 429 or 500; done, and the answer lost; slow. */
  failed: number;
  unanswered: number;
  slow: number;
};

export type World = {
  api: Api;
  queue: EventQueue;
  chance: Chance;
  scenario: Scenario;
  routers: readonly Router[];
  decisions: Decisions;
  watcher: Watcher;
  turbulence: () => Turbulence;
};

/** One process of the operator: caches, an election, and a reconciler that works while it leads. */
export class Process {
  readonly name: string;
  readonly startedMs: number;
  readonly #world: World;
  readonly #election: Election;
  readonly #reconciler: Reconciler;
  readonly #watches;
  readonly #originMs: number;
  readonly #skewMs: number;
  readonly #onEnd: () => void;
  #alive = true;
  #stoppedUntilMs = -Infinity;
  #cutOffUntilMs = -Infinity;

  constructor(name: string, world: World, onEnd: () => void) {
    const { api, queue, chance, scenario, decisions, watcher, turbulence, routers } = world;
    this.name = name;
    this.startedMs = queue.nowMs;
    this.#world = world;
    this.#onEnd = onEnd;
    this.#originMs = chance.whole(0, 1_000_000);
    this.#skewMs = chance.whole(-skewMs, skewMs);
    const parts = { api, queue, chance, confusion: turbulence };
    this.#watches = {
      pool: new Watch('pool', parts),
      workload: new Watch('workload', parts),
      pod: new Watch('pod', parts),
      traffic: new Watch('traffic', parts),
    };
    this.#election = new Election(name, api, this.#send);
    this.#reconciler = new Reconciler({
      name,
      api,
      scenario,
      decisions,
      watcher,
      send: this.#sendAsLeader,
      look: () => this.#look(),
      reports: () => routers.map((router) => router.report(queue.nowMs)),
      time: () => ({ nowMs: this.#clockMs, epochMs: epochStartMs + Math.floor(queue.nowMs) + this.#skewMs }),
      worldMs: (atMs) => atMs - this.#originMs + this.startedMs + this.#skewMs,
    });
    queue.after(chance.between(1, retryMs), () => this.#every(retryMs, () => this.#elect()));
    queue.after(chance.between(1, tickMs), () => this.#every(tickMs, () => this.#reconcile()));
  }

  get leads(): boolean {
    return this.#alive && this.#election.holds(this.#clockMs);
  }

  /** Is it there, awake, leading and waiting for nobody, and does it see everything? */
  get sees(): boolean {
    return (
      this.leads &&
      !this.#stopped &&
      !this.#reconciler.waits &&
      Object.values(this.#watches).every((watch) => watch.current)
    );
  }

  get #clockMs(): number {
    return Math.floor(this.#world.queue.nowMs - this.startedMs) + this.#originMs;
  }

  get #cutOff(): boolean {
    return this.#world.queue.nowMs < this.#cutOffUntilMs;
  }

  get #stopped(): boolean {
    return this.#world.queue.nowMs < this.#stoppedUntilMs;
  }

  /** Ends at once, whatever it was about to do. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const watch of Object.values(this.#watches)) watch.close();
    this.#onEnd();
  }

  /** Ends in peace, and lets the next one lead at once. */
  stop(): void {
    if (this.#alive && !this.#stopped && !this.#cutOff && !this.#world.api.down) this.#election.release(this.#stamp);
    this.kill();
  }

  /** Is not run for a while, as a process on a machine that is out of breath. */
  freeze(forMs: number): void {
    this.#stoppedUntilMs = this.#world.queue.nowMs + forMs;
  }

  /** One of its watches hears nothing for a while. */
  deafen(forMs: number): void {
    const watches = Object.values(this.#watches);
    watches[Math.floor(this.#world.chance.rng() * watches.length)]?.silence(forMs);
  }

  /** Reaches nobody and hears nothing for a while. */
  cutOff(forMs: number): void {
    this.#cutOffUntilMs = this.#world.queue.nowMs + forMs;
    for (const watch of Object.values(this.#watches)) watch.silence(forMs);
  }

  /** What a cache shows that is not so. */
  cacheProblem(): string | undefined {
    const { pool, workload, pod, traffic } = this.#watches;
    return pool.problem() ?? workload.problem() ?? pod.problem() ?? traffic.problem();
  }

  get #stamp(): string {
    return timestampOf(epochStartMs + this.#world.queue.nowMs + this.#skewMs);
  }

  #every(periodMs: number, run: () => void): void {
    if (!this.#alive) return;
    if (!this.#stopped) run();
    this.#world.queue.after(periodMs, () => this.#every(periodMs, run));
  }

  #elect(): void {
    const { api } = this.#world;
    // A leader that cannot hold its lease ends, and another process begins in its place.
    if (this.#election.leading && !this.leads) return this.kill();
    if (!api.down && !this.#cutOff) this.#election.turn(this.#clockMs, this.#stamp);
  }

  #reconcile(): void {
    if (this.leads) this.#reconciler.turn(this.#world.queue.nowMs);
  }

  #look(): Picture | 'not-synced' | undefined {
    const { pool, workload, pod, traffic } = this.#watches;
    // A real operator does not act before it has listed everything.
    if (!Object.values(this.#watches).every((watch) => watch.synced)) return 'not-synced';
    const seen = pool.store.get(only);
    if (!seen) return undefined;
    return {
      lookedMs: this.#world.queue.nowMs,
      podsAsOfMs: pod.asOfMs,
      workloadsAsOfMs: workload.asOfMs,
      pool: seen,
      workloads: workload.store.list(),
      pods: pod.store.list(),
      traffic: traffic.store.get(only),
    };
  }

  /** Whether it may write is asked when a request is sent; when it arrives is another matter. */
  readonly #sendAsLeader: Send = (request, answered) =>
    this.leads ? this.#send(request, answered) : answered(undefined, true);

  readonly #send: Send = (request, answered) => {
    const { api, queue, chance, turbulence } = this.#world;
    const { failed, unanswered, slow } = turbulence();
    const lasts = (): number => (chance.happens(slow) ? chance.between(100, 8_000) : chance.between(1, 40));
    const answer: typeof answered = (...result) => {
      queue.after(lasts(), () => this.#whenAwake(() => answered(...result)));
    };
    queue.after(lasts(), () => {
      if (api.down || this.#cutOff || chance.happens(failed)) return answer(undefined, true);
      const result = request();
      if (chance.happens(unanswered)) return answer(undefined, true);
      return answer(result, false);
    });
  };

  #whenAwake(run: () => void): void {
    if (!this.#alive) return;
    if (this.#stopped) this.#world.queue.at(this.#stoppedUntilMs, () => this.#whenAwake(run));
    else run();
  }
}
