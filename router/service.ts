import type { Clock } from '@qwenfleet/core/clock';
import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { ClientKey } from '@qwenfleet/core/fleet/client-key';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { noTracer, type Tracer } from '@qwenfleet/core/telemetry/span';
import { KeyRing } from './admission/keys.ts';
import { Meters } from './admission/meters.ts';
import { ClientTokens } from './client-tokens.ts';
import { FleetView, type Fleet } from './fleet-view.ts';
import { createAdaptivePolicy } from './policy/adaptive/policy.ts';
import { Steering } from './policy/adaptive/steering.ts';
import type { Objective, PoolDecision, PoolPolicy } from './policy/policy.ts';
import { ScopedFleet } from './scoped-fleet.ts';
import { weightsFor } from './scorer.ts';
import { UpstreamAgent } from './upstream/agent.ts';
import { ReplicaLoads } from './upstream/replica-loads.ts';

export type ServiceParts = {
  config: RouterConfig;
  clock: Clock;
  rng: Rng;
  log: Logger;
  onWake: (pool: string) => void;
};

/** One answer from its first byte to its last. The signal's reason is always a FleetError. */
export type Flight = { signal: AbortSignal; end: () => void };

/** What routes that are not public get: the fleet comes with the request, as its key sees it, and no other way. */
export type Served = Omit<RouterService, 'fleet'>;

/** One router's state: its configuration, its fleet, its policy, its open answers. */
export class RouterService {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly fleet: FleetView;
  readonly telemetry = new Telemetry('router', { processMetrics: true });
  readonly agent: UpstreamAgent;
  /** Set once it is open. */
  tracer: Tracer = noTracer;
  readonly startedEpochMs: number;
  readonly meters = new Meters();
  readonly replicaLoads: ReplicaLoads;
  readonly clientTokens = new ClientTokens(this.telemetry);
  readonly #flights = new Set<AbortController>();
  #config: RouterConfig;
  #keys: KeyRing;
  #policy: PoolPolicy;
  #steering: Steering | undefined;
  #state: 'serving' | 'leaving' | 'draining' = 'serving';
  #landed: (() => void) | undefined;

  constructor({ config, clock, rng, log, onWake }: ServiceParts) {
    this.#config = config;
    this.#keys = new KeyRing(config.keys);
    this.clock = clock;
    this.rng = rng;
    this.log = log;
    this.fleet = new FleetView(config.pools, { clock, rng, onWake });
    this.#policy = createAdaptivePolicy(weightsFor(config));
    this.#steer();
    this.agent = new UpstreamAgent(config.timeouts.connectMs);
    this.replicaLoads = new ReplicaLoads(clock, () => this.agent.current);
    this.startedEpochMs = clock.epochMs();
    for (const outcome of ['applied', 'refused']) this.telemetry.count('routerConfigs', { outcome }, 0);
  }

  /** The newest configuration: read it once for a request, so that the request ends under what it began with. */
  get config(): RouterConfig {
    return this.#config;
  }

  get policy(): PoolPolicy {
    return this.#policy;
  }

  get keys(): KeyRing {
    return this.#keys;
  }

  /** How pools are compared now: under a wanted share the cost weight follows the traffic of this router. */
  get objective(): Objective {
    const { costWeight, waitWeight } = this.#config.objective;
    const steering = this.#steering;
    return { costWeight, waitWeight, steer: steering && ((price) => steering.costWeight(price)) };
  }

  /** A request for `auto` was admitted and goes where this says. */
  decided({ largeChoice }: Pick<PoolDecision, 'largeChoice'>): void {
    this.#steering?.decided(largeChoice);
  }

  /** The fleet as a key sees it. */
  fleetFor(key: ClientKey | undefined): Fleet {
    return key?.scopes?.models ? new ScopedFleet(this.fleet, key.scopes) : this.fleet;
  }

  /**
   * Takes a new configuration. Running answers end on what they began with, and no request is dropped. Throws
   * `invalid_config`, with nothing changed, when its model file is none.
   */
  configure(config: RouterConfig): void {
    this.#policy = createAdaptivePolicy(weightsFor(config));
    this.#config = config;
    this.#keys = new KeyRing(config.keys);
    this.#steer();
    this.meters.keep(config.keys);
    this.fleet.configure(config.pools);
    this.agent.configure(config.timeouts.connectMs);
    this.log.level = config.logLevel;
    this.telemetry.count('routerConfigs', { outcome: 'applied' });
    this.log.info({ pools: config.pools.map(({ name }) => name) }, 'a new configuration is in force');
  }

  /** What was seen of the traffic outlives a new share. */
  #steer(): void {
    const { largeShare } = this.#config.objective;
    if (largeShare === undefined) this.#steering = undefined;
    else if (this.#steering) this.#steering.want(largeShare);
    else this.#steering = new Steering(largeShare);
  }

  /** A configuration that is not valid came; the old one stays. */
  refused(error: FleetError): void {
    this.telemetry.count('routerConfigs', { outcome: 'refused' });
    this.log.error(
      { problem: describeError(error) },
      'a new configuration is not valid, so the old one stays in force',
    );
  }

  /** False as soon as it was told to stop: requests should be sent elsewhere. */
  get leaving(): boolean {
    return this.#state !== 'serving';
  }

  /** True when it takes nothing new. */
  get draining(): boolean {
    return this.#state === 'draining';
  }

  get openAnswers(): number {
    return this.#flights.size;
  }

  /** An answer begins, of a request that came at `startedMs`. Its signal aborts when the client leaves, when it takes too long, or when the router must stop. */
  begin(client: AbortSignal, startedMs = this.clock.nowMs()): Flight {
    const own = new AbortController();
    this.#flights.add(own);
    const { totalMs } = this.#config.timeouts;
    const onLeave = (): void => own.abort(new FleetError('cancelled', 'The client left before its answer ended.'));
    if (client.aborted) onLeave();
    else client.addEventListener('abort', onLeave, { once: true });
    const timer = setTimeout(
      () => own.abort(new FleetError('upstream_timeout', `The answer took longer than ${totalMs} ms and was ended.`)),
      totalMs - (this.clock.nowMs() - startedMs),
    );
    return {
      signal: own.signal,
      end: () => {
        clearTimeout(timer);
        client.removeEventListener('abort', onLeave);
        this.#flights.delete(own);
        if (this.#flights.size === 0) this.#landed?.();
      },
    };
  }

  /**
   * Stops in three steps: unready while it still serves, so that whoever sends requests can notice; then nothing new is
   * taken and what runs may end; then what is left is ended with an error.
   */
  async drain(): Promise<void> {
    const { noticeMs, graceMs } = this.#config.drain;
    this.#state = 'leaving';
    if (noticeMs > 0) await this.clock.sleep(noticeMs);
    this.#state = 'draining';
    if (this.#flights.size === 0) return;
    const landed = new Promise<void>((resolve) => (this.#landed = resolve));
    const late = new AbortController();
    const grace = this.clock.sleep(graceMs, late.signal).catch(() => undefined);
    await Promise.race([landed, grace]);
    late.abort();
    if (this.#flights.size === 0) return;
    for (const flight of this.#flights)
      flight.abort(new FleetError('shutting_down', 'The router is stopping. Try again.'));
    // A turn for the error chunks to be written.
    await Promise.race([landed, this.clock.sleep(lastWordsMs)]);
  }

  async expose(): Promise<{ contentType: string; body: string }> {
    this.telemetry.resetGauge('routerInFlight');
    this.telemetry.resetGauge('routerHeld');
    for (const [pool, { inFlight, held }] of Object.entries(this.fleet.reports())) {
      this.telemetry.gauge('routerInFlight', { pool }, inFlight);
      this.telemetry.gauge('routerHeld', { pool }, held);
    }
    return this.telemetry.expose();
  }
}

const lastWordsMs = 500;
