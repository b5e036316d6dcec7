import { backoffMs } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { PoolLoad } from '@qwenfleet/core/fleet/channel';
import type { PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';
import type { Rng } from '@qwenfleet/core/rng';
import { leastLoaded, type ReplicaView } from '../policy/least-load/choose.ts';
import { HoldQueue } from './hold-queue.ts';

/** A replica that failed is left alone this long: by then the list of replicas has usually changed. */
const shutOut = { baseMs: 1_000, maxMs: 15_000, factor: 2 };
/** Used for estimates until a start and an answer have been seen. */
const startMsGuess = 8_000;
const serviceMsGuess = 4_000;

type Replica = ReplicaView & { url: string; failures: number };

/** A place at a replica; give it back exactly once. */
export type Lease = { id: string; url: string; release: (outcome: 'answered' | 'failed') => void };

export type PoolStatusWord = 'ready' | 'starting' | 'scaled-to-zero' | 'unavailable';

const nowhere: PoolEndpoints = { endpoints: [], desired: 0, starting: 0, wakeable: false };

/** One pool's replicas, what they are doing, and the requests that wait for one of them. */
export class UpstreamPool {
  readonly config: PoolConfig;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #onWake: () => void;
  readonly #queue: HoldQueue;
  #replicas: Replica[] = [];
  /** Replicas that are gone from the list and still answer. */
  #leaving = 0;
  #seen: PoolEndpoints = nowhere;
  #requestsTotal = 0;
  #lastMs: number | undefined;
  #startMs = startMsGuess;
  #serviceMs = serviceMsGuess;
  #emptySinceMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: PoolConfig, parts: { clock: Clock; rng: Rng; onWake: () => void }) {
    this.config = config;
    this.#clock = parts.clock;
    this.#rng = parts.rng;
    this.#onWake = parts.onWake;
    this.#queue = new HoldQueue(parts.clock, config.hold);
  }

  /** Takes a new list of replicas; those that stay keep what is known of them. */
  update(seen: PoolEndpoints): void {
    this.#seen = seen;
    const before = new Map(this.#replicas.map((replica) => [replica.id, replica]));
    this.#replicas = seen.endpoints.map(({ id, url, state }) => {
      const known = before.get(id) ?? { id, inFlight: 0, shutOutUntilMs: 0, failures: 0 };
      before.delete(id);
      return Object.assign(known, { url, draining: state === 'draining', concurrency: this.config.concurrency });
    });
    this.#leaving += [...before.values()].reduce((sum, { inFlight }) => sum + inFlight, 0);
    this.#learnStart();
    const refusal = this.#refusal();
    if (refusal) this.#queue.refuseAll(refusal);
    else this.#serveQueue();
  }

  /**
   * A place at the least busy replica, as soon as there is one.
   * Throws `pool_unavailable` when there will be none, `queue_full` when too many wait, `request_timeout` of holding as
   * `pool_unavailable` or `queue_full`, and the signal's reason when the client leaves.
   */
  async acquire(bytes: number, signal: AbortSignal): Promise<Lease> {
    const nowMs = this.#clock.nowMs();
    this.#lastMs = nowMs;
    const refusal = this.#refusal();
    if (refusal) throw refusal;
    const replica = this.#queue.length === 0 ? leastLoaded(this.#replicas, nowMs) : undefined;
    if (replica) return this.#lease(replica);
    const starting = this.ready === 0;
    const promise = this.#queue.add({
      bytes,
      signal,
      timeoutMs: starting ? this.config.hold.timeoutMs : this.config.saturation.queueTimeoutMs,
      onTimeout: () => (starting ? this.#tooSlow() : this.#tooFull()),
    });
    if (starting && this.#seen.wakeable) this.#onWake();
    this.#serveQueue();
    return promise;
  }

  get ready(): number {
    return this.#replicas.filter(({ draining }) => !draining).length;
  }

  get desired(): number {
    return this.#seen.desired;
  }

  get starting(): number {
    return this.#seen.starting;
  }

  get problem(): string | undefined {
    return this.ready > 0 ? undefined : this.#seen.problem;
  }

  get status(): PoolStatusWord {
    if (this.ready > 0) return 'ready';
    if (this.#refusal()) return 'unavailable';
    return this.#seen.starting > 0 || this.#queue.length > 0 ? 'starting' : 'scaled-to-zero';
  }

  /** Can it answer, now or after a start? */
  get available(): boolean {
    const nowMs = this.#clock.nowMs();
    if (this.ready > 0) return this.#replicas.some((replica) => !replica.draining && replica.shutOutUntilMs <= nowMs);
    return this.#refusal() === undefined;
  }

  /** Expected time until a request that came now would begin to be answered. */
  get waitMs(): number {
    const { ready } = this;
    if (ready === 0) return Math.round(this.#startMs);
    const room = ready * this.config.concurrency - this.#inFlight;
    if (room > 0 && this.#queue.length === 0) return 0;
    return Math.round(((this.#queue.length + 1) / (ready * this.config.concurrency)) * this.#serviceMs);
  }

  get load(): PoolLoad {
    const busy = this.#inFlight > 0 || this.#queue.length > 0;
    const idleMs = busy ? 0 : this.#lastMs === undefined ? undefined : this.#clock.nowMs() - this.#lastMs;
    return {
      inFlight: this.#inFlight,
      held: this.#queue.length,
      requestsTotal: this.#requestsTotal,
      ...(idleMs === undefined ? {} : { idleMs }),
    };
  }

  get #inFlight(): number {
    return this.#leaving + this.#replicas.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  #lease(replica: Replica): Lease {
    const startedMs = this.#clock.nowMs();
    replica.inFlight += 1;
    this.#requestsTotal += 1;
    let held = true;
    return {
      id: replica.id,
      url: replica.url,
      release: (outcome) => {
        if (!held) return;
        held = false;
        if (this.#replicas.includes(replica)) replica.inFlight -= 1;
        else this.#leaving -= 1;
        const nowMs = this.#clock.nowMs();
        this.#lastMs = nowMs;
        if (outcome === 'answered') {
          replica.failures = 0;
          this.#serviceMs += (nowMs - startedMs - this.#serviceMs) / 8;
        } else {
          replica.shutOutUntilMs = nowMs + backoffMs(shutOut, replica.failures, this.#rng);
          replica.failures += 1;
        }
        this.#serveQueue();
      },
    };
  }

  /** Gives places to those that wait, in the order in which they came. */
  #serveQueue(): void {
    const nowMs = this.#clock.nowMs();
    for (;;) {
      const replica = this.#queue.length > 0 ? leastLoaded(this.#replicas, nowMs) : undefined;
      if (!replica) break;
      this.#queue.serve(() => this.#lease(replica));
    }
    this.#lookAgain(nowMs);
  }

  /** When every replica is shut out, the first of them to come back is waited for. */
  #lookAgain(nowMs: number): void {
    clearTimeout(this.#timer);
    if (this.#queue.length === 0) return;
    const untils = this.#replicas.filter(({ draining }) => !draining).map(({ shutOutUntilMs }) => shutOutUntilMs);
    const nextMs = Math.min(...untils.filter((untilMs) => untilMs > nowMs));
    if (nextMs !== Infinity) this.#timer = setTimeout(() => this.#serveQueue(), nextMs - nowMs + 1);
  }

  #learnStart(): void {
    const nowMs = this.#clock.nowMs();
    if (this.ready === 0) {
      if (this.#seen.starting > 0) this.#emptySinceMs ??= nowMs;
    } else if (this.#emptySinceMs !== undefined) {
      this.#startMs += (nowMs - this.#emptySinceMs - this.#startMs) / 2;
      this.#emptySinceMs = undefined;
    }
  }

  /** Why waiting would be in vain; undefined while there is hope. */
  #refusal(): FleetError | undefined {
    const { starting, wakeable, problem, desired } = this.#seen;
    if (this.#replicas.length > 0) return undefined;
    if (problem === undefined && (starting > 0 || wakeable || desired > 0)) return undefined;
    const why = problem ?? 'it has no replicas and none may be started';
    return new FleetError(
      'pool_unavailable',
      `The pool "${this.config.name}" cannot answer: ${why}. Ask for another model, or try again later.`,
      {
        retryable: false,
      },
    );
  }

  #tooSlow(): FleetError {
    const seconds = Math.round(this.config.hold.timeoutMs / 1000);
    return new FleetError(
      'pool_unavailable',
      `The pool "${this.config.name}" had no ready replica within ${seconds} s. Try again shortly.`,
      {
        retryAfterMs: this.#startMs,
      },
    );
  }

  #tooFull(): FleetError {
    const seconds = Math.round(this.config.saturation.queueTimeoutMs / 1000);
    return new FleetError(
      'queue_full',
      `Every replica of the pool "${this.config.name}" was busy for ${seconds} s. Try again shortly.`,
      {
        retryAfterMs: this.#serviceMs,
      },
    );
  }
}
