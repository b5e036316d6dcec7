import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { Dispatcher } from 'undici';
import { FleetView } from './fleet-view.ts';
import { createAdaptivePolicy } from './policy/adaptive/policy.ts';
import type { PoolPolicy } from './policy/policy.ts';
import { shippedWeights } from './score/weights.ts';
import { createUpstreamAgent } from './upstream/attempt.ts';

export type ServiceParts = {
  config: RouterConfig;
  clock: Clock;
  rng: Rng;
  log: Logger;
  onWake: (pool: string) => void;
};

/** One answer from its first byte to its last. */
export type Flight = { signal: AbortSignal; end: () => void };

/** One router's state: its fleet, its policy, its open answers. */
export class RouterService {
  readonly config: RouterConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly fleet: FleetView;
  readonly policy: PoolPolicy;
  readonly telemetry = new Telemetry('router', { processMetrics: true });
  readonly agent: Dispatcher;
  readonly startedEpochMs: number;
  readonly #flights = new Set<AbortController>();
  #draining = false;
  #landed: (() => void) | undefined;

  constructor({ config, clock, rng, log, onWake }: ServiceParts) {
    this.config = config;
    this.clock = clock;
    this.log = log;
    this.fleet = new FleetView(config, { clock, rng, onWake });
    this.policy = createAdaptivePolicy(shippedWeights);
    this.agent = createUpstreamAgent(config.timeouts);
    this.startedEpochMs = clock.epochMs();
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** An answer begins. Its signal aborts when the client leaves, when it takes too long, or when the router must stop. */
  begin(client: AbortSignal): Flight {
    const own = new AbortController();
    this.#flights.add(own);
    const timer = setTimeout(
      () =>
        own.abort(
          new FleetError(
            'upstream_timeout',
            `The answer took longer than ${this.config.timeouts.totalMs} ms and was ended.`,
          ),
        ),
      this.config.timeouts.totalMs,
    );
    return {
      signal: AbortSignal.any([client, own.signal]),
      end: () => {
        clearTimeout(timer);
        this.#flights.delete(own);
        if (this.#flights.size === 0) this.#landed?.();
      },
    };
  }

  /** Takes nothing new, waits for what runs, and ends it with an error when the grace time is over. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#flights.size === 0) return;
    const landed = new Promise<void>((resolve) => (this.#landed = resolve));
    const late = new AbortController();
    const grace = this.clock.sleep(this.config.drain.graceMs, late.signal).catch(() => undefined);
    await Promise.race([landed, grace]);
    late.abort();
    for (const flight of this.#flights)
      flight.abort(new FleetError('shutting_down', 'The router is stopping. Try again.'));
    // A turn for the error chunks to be written.
    await this.clock.sleep(100);
  }

  async expose(): Promise<{ contentType: string; body: string }> {
    for (const { config, load } of this.fleet.pools) {
      this.telemetry.gauge('routerInFlight', { pool: config.name }, load.inFlight);
      this.telemetry.gauge('routerHeld', { pool: config.name }, load.held);
    }
    return this.telemetry.expose();
  }
}
