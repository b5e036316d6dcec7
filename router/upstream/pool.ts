import type { Clock } from '@qwenfleet/core/clock';
import type { FleetError } from '@qwenfleet/core/errors';
import type { PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';
import type { PoolReport } from '@qwenfleet/core/load/pool-report';
import type { Rng } from '@qwenfleet/core/rng';
import type { Affinity } from '../policy/affinity.ts';
import type { HeaderReader } from '../policy/canary/arms.ts';
import { Estimate } from './estimate.ts';
import { HoldQueue, type Held } from './hold-queue.ts';
import { Ledger } from './ledger.ts';
import { isError, type Outcome } from './outcome.ts';
import { hopeless, overwhelmed, removed, silent, tooFull, tooSlow } from './pool-errors.ts';
import { ReplicaSet, type Asking, type Replica } from './replica-set.ts';
import { RetryBudget } from './retry-budget.ts';
import { Tally } from './tally.ts';

/** Used until a start and an answer have been seen. */
const startMsGuess = 8_000;
const serviceMsGuess = 4_000;
/** The least that anybody is told to wait. */
const retryAfterMsMin = 1_000;

/** A place at a replica; give it back exactly once. */
export type Lease = {
  id: string;
  url: string;
  revision: string | undefined;
  /** The first byte of a stream has come. */
  began: () => void;
  /** More of it is asked for, and has come. */
  awaits: () => void;
  heard: () => void;
  release: (outcome: Outcome) => void;
};

export type Acquiring = {
  /** Whose request it is; undefined where nobody says. */
  client?: string | undefined;
  bytes: number;
  signal: AbortSignal;
  /** Its first byte is expected soon, and not with its last. */
  stream?: boolean;
  tried?: ReadonlySet<string>;
  header?: HeaderReader;
  /** Where another replica may do less well than the one that has seen its like. */
  affinity?: Affinity | undefined;
};

export type PoolStatusWord = 'ready' | 'starting' | 'scaled-to-zero' | 'unavailable';
export type PoolParts = { clock: Clock; rng: Rng; onWake: () => void };

/** What a request that may wait wants. */
type Wanted = Asking & { stream: boolean };

const noHeader: HeaderReader = () => undefined;
const nowhere: PoolEndpoints = { endpoints: [], desired: 0, starting: 0, wakeable: false };

/** One pool: its replicas, and the requests that wait for one of them. */
export class UpstreamPool {
  readonly #parts: PoolParts;
  readonly #queue: HoldQueue<Held & Wanted, Lease>;
  readonly #replicas: ReplicaSet;
  readonly #tally = new Tally();
  readonly ledger: Ledger;
  /** What its requests may cost in attempts. */
  readonly retries: RetryBudget;
  readonly #startMs = new Estimate(startMsGuess, 1 / 2);
  readonly #serviceMs = new Estimate(serviceMsGuess, 1 / 8);
  #config: PoolConfig;
  #seen: PoolEndpoints = nowhere;
  #retired = false;
  #lastMs: number | undefined;
  #emptySinceMs: number | undefined;
  #looking = new AbortController();

  constructor(config: PoolConfig, parts: PoolParts) {
    this.#config = config;
    this.#parts = parts;
    this.retries = new RetryBudget(parts.clock);
    this.ledger = new Ledger(parts.clock);
    this.#queue = new HoldQueue(parts.clock, config.hold);
    this.#replicas = new ReplicaSet(config, parts);
  }

  get config(): PoolConfig {
    return this.#config;
  }

  /** Takes a new configuration; replicas, waiting requests and what was learned stay. */
  configure(config: PoolConfig): void {
    this.#config = config;
    this.#queue.configure(config.hold);
    this.#replicas.configure(config);
    this.#tally.keep(this.#replicas.revisions);
    this.#serveQueue();
  }

  /** The pool has left the configuration: what runs and what can still be served ends well, the rest is told. */
  retire(): void {
    this.#retired = true;
    if (this.ready === 0) this.#queue.refuseAll(removed(this.#config));
  }

  /** Takes a new list of replicas; those that stay keep what is known of them. */
  update(seen: PoolEndpoints): void {
    this.#seen = seen;
    this.#replicas.update(seen.endpoints);
    this.#tally.keep(this.#replicas.revisions);
    this.#learnStart();
    const refusal = this.#refusal();
    if (refusal) this.#queue.refuseAll(refusal);
    else this.#serveQueue();
  }

  /**
   * A place at a replica, its own if it has one and otherwise the least busy, as soon as there is one.
   * Throws `pool_unavailable` when there will be none or came none, or when too few replicas are left to wait for one, `queue_full` when too many wait or every replica
   * stays busy, and the signal's reason when the client leaves.
   */
  async acquire(acquiring: Acquiring): Promise<Lease> {
    const { client, bytes, signal, stream = false, tried = new Set(), header = noHeader, affinity } = acquiring;
    const nowMs = this.#parts.clock.nowMs();
    this.#lastMs = nowMs;
    const refusal = this.#refusal() ?? (this.#replicas.down(nowMs) ? this.#silent(nowMs) : undefined);
    if (refusal) throw refusal;
    const wanted = { ticket: this.#parts.rng(), tried, header, stream, bytes, key: this.#replicas.keyOf(affinity) };
    const replica = this.#queue.length === 0 ? this.#replicas.choose(wanted, nowMs) : undefined;
    if (replica) return this.#lease(replica, wanted);
    if (this.#replicas.panics) throw this.#overwhelmed();
    const promise = this.#queue.add(
      { ...wanted, client, signal, limitMs: () => this.#patienceMs, onTimeout: () => this.#onTimeout() },
      Math.max(retryAfterMsMin, this.waitMs),
    );
    if (this.ready === 0 && this.#seen.wakeable) this.#parts.onWake();
    this.#serveQueue();
    return promise;
  }

  /** Is there another replica than these that might do better at once? */
  hasOther(tried: ReadonlySet<string>): boolean {
    return this.#replicas.anyOpen(this.#parts.clock.nowMs(), tried);
  }

  get ready(): number {
    return this.#replicas.ready.length;
  }

  /** Those that are there, with what the router has sent them and they have not answered yet. */
  get replicas(): readonly Pick<Replica, 'id' | 'url' | 'revision' | 'draining' | 'inFlight'>[] {
    return this.#replicas.all;
  }

  get desired(): number {
    return this.#seen.desired;
  }

  get starting(): number {
    return this.#seen.starting;
  }

  get problem(): string | undefined {
    if (this.ready === 0) return this.#seen.problem;
    return this.#replicas.down(this.#parts.clock.nowMs()) ? 'none of its servers can be reached' : undefined;
  }

  get status(): PoolStatusWord {
    if (this.ready > 0) return this.#replicas.down(this.#parts.clock.nowMs()) ? 'unavailable' : 'ready';
    if (this.#refusal()) return 'unavailable';
    return this.#seen.starting > 0 || this.#queue.length > 0 ? 'starting' : 'scaled-to-zero';
  }

  /** Can it answer, now or after a start? */
  get available(): boolean {
    if (this.ready > 0) return this.#replicas.anyOpen(this.#parts.clock.nowMs());
    return this.#refusal() === undefined;
  }

  /** Expected time until a request that came now would begin to be answered. */
  get waitMs(): number {
    if (this.ready === 0) return Math.round(this.#startMs.ms);
    const places = Math.max(1, this.#replicas.sound) * this.#config.concurrency;
    if (places > this.#replicas.inFlight() && this.#queue.length === 0) return 0;
    return Math.round(((this.#queue.length + 1) / places) * this.#serviceMs.ms);
  }

  /**
   * How near its queue is to turning requests away: 0 while nobody waits, from 1 on one more would wait in vain. A start
   * takes its time, so while no replica is there only the length of the queue counts.
   */
  get pressure(): number {
    const { hold, saturation } = this.#config;
    if (this.ready > 0 && this.waitMs === 0) return 0;
    const byRoom = hold.queueMax === 0 ? 1 : this.#queue.length / hold.queueMax;
    if (this.ready === 0) return byRoom;
    return Math.max(byRoom, saturation.queueTimeoutMs === 0 ? 1 : this.waitMs / saturation.queueTimeoutMs);
  }

  get report(): PoolReport {
    const inFlight = this.#replicas.inFlight();
    const busy = inFlight > 0 || this.#queue.length > 0;
    const idleMs = busy ? 0 : this.#lastMs === undefined ? undefined : this.#parts.clock.nowMs() - this.#lastMs;
    const revisions = [...this.#replicas.revisions].map((name) => {
      const weight = this.#replicas.weight(name);
      const counts = { inFlight: this.#replicas.inFlight(name), ...this.#tally.revision(name) };
      return [name, { ...(weight === undefined ? {} : { weight }), ...counts }];
    });
    return {
      inFlight,
      held: this.#queue.length,
      ...(idleMs === undefined ? {} : { idleMs }),
      ...this.#tally.pool,
      revisions: Object.fromEntries(revisions),
    };
  }

  #lease(replica: Replica, { stream, bytes }: Pick<Held & Wanted, 'stream' | 'bytes'>): Lease {
    const { silence } = replica;
    let waits = false;
    const awaits = (): void => {
      if (!waits) silence.asked(this.#parts.clock.nowMs());
      waits = true;
    };
    const settle = (): void => {
      if (waits) silence.settled();
      waits = false;
    };
    const heard = (): void => {
      silence.heard(this.#parts.clock.nowMs());
      settle();
    };
    const sentMs = this.#parts.clock.nowMs();
    const { id, url, revision } = replica;
    this.#replicas.take(replica);
    this.#tally.sent(revision);
    if (stream) awaits();
    let held = true;
    return {
      id,
      url,
      revision,
      began: () => {
        const nowMs = this.#parts.clock.nowMs();
        replica.health.began();
        heard();
        replica.pace.learn(nowMs - sentMs, bytes, nowMs);
        this.#tally.began(revision, nowMs - sentMs);
      },
      awaits,
      heard,
      release: (outcome) => {
        if (!held) return;
        held = false;
        settle();
        const nowMs = this.#parts.clock.nowMs();
        this.#lastMs = nowMs;
        this.#replicas.release(replica, outcome, sentMs);
        if (outcome.kind === 'answered') this.#serviceMs.learn(nowMs - sentMs);
        if (isError(outcome)) this.#tally.failed(revision);
        this.#serveQueue();
      },
    };
  }

  /** Gives places to those that wait, in the order in which they came. */
  #serveQueue(): void {
    const nowMs = this.#parts.clock.nowMs();
    this.#queue.serve(
      (asking) => {
        const replica = this.#replicas.choose(asking, nowMs);
        return replica && this.#lease(replica, asking);
      },
      () => this.#replicas.hasRoom(nowMs),
    );
    this.#lookAgain(nowMs);
  }

  /** When replicas are shut out, the first of them to come back is waited for. */
  #lookAgain(nowMs: number): void {
    this.#looking.abort();
    const returnMs = this.#queue.length === 0 ? undefined : this.#replicas.nextReturnMs(nowMs);
    if (returnMs === undefined) return;
    this.#looking = new AbortController();
    this.#parts.clock.sleep(returnMs - nowMs, this.#looking.signal).then(
      () => this.#serveQueue(),
      () => undefined,
    );
  }

  #learnStart(): void {
    const nowMs = this.#parts.clock.nowMs();
    if (this.ready === 0) {
      if (this.#seen.starting > 0) this.#emptySinceMs ??= nowMs;
    } else if (this.#emptySinceMs !== undefined) {
      this.#startMs.learn(nowMs - this.#emptySinceMs);
      this.#emptySinceMs = undefined;
    }
  }

  /** Why waiting would be in vain; undefined while there is hope. */
  #refusal(): FleetError | undefined {
    if (this.#retired && this.ready === 0) return removed(this.#config);
    const { starting, wakeable, problem, desired } = this.#seen;
    if (this.#replicas.size > 0) return undefined;
    if (problem === undefined && (starting > 0 || wakeable || desired > 0)) return undefined;
    return hopeless(this.#config, this.#seen);
  }

  /** A start takes longer than a place does, so who waits for one has more patience. */
  get #patienceMs(): number {
    const { hold, saturation } = this.#config;
    return this.ready === 0 ? hold.timeoutMs : saturation.queueTimeoutMs;
  }

  #onTimeout(): FleetError {
    const nowMs = this.#parts.clock.nowMs();
    if (this.ready === 0) return tooSlow(this.#config, this.#startMs.ms);
    if (this.#replicas.panics) return this.#overwhelmed();
    return this.#replicas.anyOpen(nowMs) ? tooFull(this.#config, this.#serviceMs.ms) : this.#silent(nowMs);
  }

  #overwhelmed(): FleetError {
    const { sound, ready } = this.#replicas;
    if (sound === 0) return this.#silent(this.#parts.clock.nowMs());
    return overwhelmed(this.#config.name, {
      sound,
      of: ready.length,
      retryAfterMs: Math.max(retryAfterMsMin, this.waitMs),
    });
  }

  #silent(nowMs: number): FleetError {
    const returnMs = this.#replicas.nextReturnMs(nowMs);
    return silent(this.#config.name, returnMs === undefined ? retryAfterMsMin : returnMs - nowMs);
  }
}
