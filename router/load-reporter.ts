import type { Clock } from '@qwenfleet/core/clock';
import type { PoolReport } from '@qwenfleet/core/load/pool-report';
import type { FleetView } from './fleet-view.ts';

/** How often the load is reported while it changes; a scaler that looks four times a second misses nothing. */
const reportEveryMs = 100;
/** And at least this often, so that idle times move on. */
const reportAtLeastEveryMs = 1_000;

/** Tells somebody of every pool's load, often while it changes and seldom while it does not. */
export class LoadReporter {
  readonly #fleet: Pick<FleetView, 'reports'>;
  readonly #clock: Clock;
  readonly #tell: (pools: Record<string, PoolReport>) => void;
  readonly #ending = new AbortController();
  #last = '';
  #lastMs = -Infinity;

  constructor(fleet: Pick<FleetView, 'reports'>, clock: Clock, tell: (pools: Record<string, PoolReport>) => void) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#tell = tell;
  }

  start(): void {
    void this.#loop();
  }

  stop(): void {
    this.#ending.abort();
  }

  /** Tells now, whether or not anything has changed. */
  report(): void {
    this.#tell(this.#fleet.reports());
  }

  async #loop(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      this.#reportChange();
      await this.#clock.sleep(reportEveryMs, signal).catch(() => undefined);
    }
  }

  #reportChange(): void {
    const pools = this.#fleet.reports();
    const counts = JSON.stringify(pools, (key, value: unknown) => (key === 'idleMs' ? undefined : value));
    const nowMs = this.#clock.nowMs();
    if (counts === this.#last && nowMs - this.#lastMs < reportAtLeastEveryMs) return;
    this.#last = counts;
    this.#lastMs = nowMs;
    this.#tell(pools);
  }
}
