import type { Clock } from '@qwenfleet/core/clock';
import { FleetError, asFleetError } from '@qwenfleet/core/errors';
import { probe } from './probe.ts';
import type { ServedModel } from './served-model.ts';

/** An engine that rests is asked for a token at most this often. */
const probeEveryMs = 10_000;

/**
 * When a step has hung: by far longer than the longest that this model has ever taken on this machine. A replica first
 * gets no new requests, and is restarted only when it stays like that.
 */
const patience = {
  ready: { floorMs: 5_000, longestSteps: 10 },
  live: { floorMs: 15_000, longestSteps: 30 },
} as const;

/** Tells an engine that works from one that only looks so, because HTTP answers. */
export class HealthCheck {
  readonly #clock: Clock;
  #probedMs = -Infinity;
  #probing: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `engine_failed` when a step has hung for so long that only a restart helps. */
  assertLive(model: ServedModel): void {
    assertTurning(model, 'live');
  }

  /** Asks an engine that rests for a token. Throws what it fails with, `engine_failed` when it does not answer. */
  async assertReady(model: ServedModel): Promise<void> {
    assertTurning(model, 'ready');
    if (this.#probing) return this.#probing;
    if (model.engine.stats().running > 0 || this.#clock.nowMs() - this.#probedMs < probeEveryMs) return;
    this.#probing = this.#probe(model).finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  async #probe(model: ServedModel): Promise<void> {
    const answered = new AbortController();
    const withinMs = hungAfterMs(model, 'ready');
    const late = this.#clock.sleep(withinMs, answered.signal).then(
      () => {
        throw hung(withinMs);
      },
      () => undefined,
    );
    try {
      await Promise.race([probe(model, answered.signal), late]);
      this.#probedMs = this.#clock.nowMs();
    } catch (error) {
      this.#probedMs = -Infinity;
      throw asFleetError(error);
    } finally {
      answered.abort();
    }
  }
}

function assertTurning(model: ServedModel, what: keyof typeof patience): void {
  const { heartbeatAgeMs } = model.engine.stats();
  if (heartbeatAgeMs > hungAfterMs(model, what)) throw hung(heartbeatAgeMs);
}

function hungAfterMs(model: ServedModel, what: keyof typeof patience): number {
  const { floorMs, longestSteps } = patience[what];
  return Math.max(floorMs, longestSteps * model.engine.stats().longestStepMs);
}

const hung = (ageMs: number): FleetError =>
  new FleetError('engine_failed', `The engine's last step began ${Math.round(ageMs / 1000)} s ago and has not ended.`);
