import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { Fence } from '../client/fence.ts';
import { isConflict, isNotFound } from '../client/status-error.ts';
import type { Environment } from '../environment.ts';
import { microTime } from '../time.ts';
import { slept, withinTime } from '../time-limit.ts';
import { heldSpec, isHeldByOther, observe, releasedSpec, type Observed } from './decide.ts';
import type { Lease, LeaseApi, LeaseSpec } from './lease.ts';

export type ElectionOptions = {
  /** In metrics and logs. */
  name: string;
  /** Unique to this process, such as the pod's name and a random part. */
  identity: string;
  /**
   * Of a client with a connection of its own: a renewal must not wait behind other requests.
   */
  lease: LeaseApi;
  /** After this without a renewal others may take over. */
  leaseMs?: number;
  /** After this without a renewal we stop writing; the difference to `leaseMs` is what two leaders are apart. */
  renewMs?: number;
  /** Between two tries to take or renew. */
  retryMs?: number;
  /** The lease is gone: end the process. It does not run for election again. */
  onLost: (reason: FleetError) => void;
};

/** client-go's and controller-runtime's numbers. */
const defaults = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };

/**
 * One leader among processes, by a Lease. Whether we lead is a question of time, not of messages: `fence` holds only
 * for `renewMs` after the last renewal was *sent*, by the monotonic clock, and is asked before each write. A process
 * that was stopped for a minute therefore wakes without the right to write, before any timer has told it so.
 */
export class LeaderElection {
  readonly fence: Fence;
  readonly #options: Required<ElectionOptions>;
  readonly #environment: Environment;
  readonly #elected = Promise.withResolvers<void>();
  readonly #stopping = new AbortController();
  readonly #lost = new AbortController();
  #running: Promise<void> | undefined;
  #observed: Observed | undefined;
  /** As last read or written; undefined makes the next try read it again. */
  #lease: Lease | undefined;
  #leading = false;
  #renewedMs = 0;

  constructor(options: ElectionOptions, environment: Environment) {
    this.#options = { ...defaults, ...options };
    this.#environment = environment;
    this.fence = { leftMs: () => this.#leftMs(), signal: this.#lost.signal };
    this.#elected.promise.catch(() => undefined);
    this.#measure();
  }

  /** Resolves when this process leads; rejects when it was stopped before. */
  get elected(): Promise<void> {
    return this.#elected.promise;
  }

  get isLeader(): boolean {
    return this.#leftMs() > 0;
  }

  /** Who holds the lease, as last seen. */
  get holder(): string | undefined {
    return this.#observed?.spec.holderIdentity;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops, and hands the lease on at once. Call it after everything that writes has ended. */
  async stop(): Promise<void> {
    const reason = new FleetError('cancelled', 'The election was stopped.');
    this.#elected.reject(reason);
    this.#stopping.abort(reason);
    await this.#running;
    if (!this.#leading) return;
    this.#leading = false;
    this.#measure();
    this.#lost.abort(new FleetError('not_leader', 'The lease was released.'));
    await this.#release();
  }

  async #run(): Promise<void> {
    const { clock, rng } = this.#environment;
    const { retryMs } = this.#options;
    while (!this.#stopping.signal.aborted) {
      // Asked before a try as well: the process may have been stopped while it slept.
      if (this.#isOver()) return this.#lose();
      await this.#try();
      if (this.#isOver()) return this.#lose();
      // Candidates are spread so that they do not all write at once when the lease runs out.
      const waitMs = this.#leading ? Math.min(retryMs, this.#leftMs()) : retryMs * (1 + 0.2 * rng());
      if (!(await slept(clock, waitMs, this.#stopping.signal))) return;
    }
  }

  /** One try to take or renew the lease; whatever goes wrong, the next try comes soon. */
  async #try(): Promise<void> {
    const { clock, log } = this.#environment;
    const halfMs = this.#options.renewMs / 2;
    const ms = this.#leading ? Math.min(halfMs, this.#leftMs()) : halfMs;
    const late = (): FleetError => new FleetError('upstream_timeout', 'The lease could not be renewed in time.');
    try {
      await withinTime(clock, { ms, parent: this.#stopping.signal, late }, (signal) => this.#hold(signal));
    } catch (error) {
      this.#lease = undefined;
      if (this.#stopping.signal.aborted || isConflict(error)) return;
      log.warn({ lease: this.#options.name, error: describeError(error) }, 'could not take or renew the lease');
    }
  }

  async #hold(signal: AbortSignal): Promise<void> {
    const { clock } = this.#environment;
    const { identity, lease, leaseMs } = this.#options;
    const seen = this.#lease ?? (await this.#read(signal));
    if (seen && this.#observed && isHeldByOther(this.#observed, identity, clock.nowMs())) {
      this.#lease = undefined;
      // Somebody took it though our time was not up: an administrator, or a process with other times.
      if (this.#leading) this.#renewedMs = Number.NEGATIVE_INFINITY;
      return;
    }
    const sentMs = clock.nowMs();
    const spec = heldSpec(seen?.spec ?? {}, { identity, leaseMs }, microTime(clock.epochMs()));
    const held = seen ? await lease.update(seen, spec, signal) : await lease.create(spec, signal);
    this.#lease = held;
    this.#observe(held.spec ?? {});
    this.#renewedMs = sentMs;
    if (!this.#leading) this.#lead();
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      const lease = await this.#options.lease.get(signal);
      this.#observe(lease.spec ?? {});
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #observe(spec: LeaseSpec): void {
    this.#observed = observe(this.#observed, spec, this.#environment.clock.nowMs());
  }

  #lead(): void {
    this.#leading = true;
    this.#environment.log.info({ lease: this.#options.name, identity: this.#options.identity }, 'leads');
    this.#measure();
    this.#elected.resolve();
  }

  #lose(): void {
    const reason = new FleetError('not_leader', `The lease ${this.#options.name} was lost.`);
    this.#leading = false;
    this.#measure();
    this.#environment.log.error({ lease: this.#options.name, holder: this.holder }, 'lost the lease');
    this.#lost.abort(reason);
    this.#options.onLost(reason);
  }

  async #release(): Promise<void> {
    const { clock, log } = this.#environment;
    const { lease, identity, renewMs, name } = this.#options;
    const late = (): FleetError => new FleetError('upstream_timeout', 'The lease could not be released in time.');
    try {
      await withinTime(clock, { ms: renewMs / 2, late }, async (signal) => {
        const seen = this.#lease ?? (await lease.get(signal));
        if (seen.spec?.holderIdentity !== identity) return;
        await lease.update(seen, releasedSpec(seen.spec, microTime(clock.epochMs())), signal);
      });
    } catch (error) {
      // It runs out by itself.
      log.warn({ lease: name, error: describeError(error) }, 'could not release the lease');
    }
  }

  #isOver(): boolean {
    return this.#leading && this.#leftMs() <= 0;
  }

  #leftMs(): number {
    return this.#leading ? this.#renewedMs + this.#options.renewMs - this.#environment.clock.nowMs() : 0;
  }

  #measure(): void {
    this.#environment.telemetry?.gauge('kubeLeader', { name: this.#options.name }, this.#leading ? 1 : 0);
  }
}
