import type { Clock } from '@qwenfleet/core/clock';
import { FleetError, asFleetError } from '@qwenfleet/core/errors';
import type { Encoder } from '../backend/backend.ts';
import type { EngineObserver } from './generation.ts';
import type { EngineStats, ModelEngine } from './model-engine.ts';
import { cancelled, closed, stopping } from './refusals.ts';
import { lastStepMs, restsWithin } from './rest.ts';

export type EncoderEngineOptions = Pick<EngineObserver, 'onStep'> & {
  encoder: Encoder;
  clock: Clock;
  /** Requests that may wait; one more is refused. */
  queueMax: number;
};

export type EncodingRequest = {
  inputs: readonly (readonly number[])[];
  /** A question of our own, such as a health check's: it is in no count. */
  internal?: boolean;
  signal: AbortSignal;
};

/** A request with the vectors that it has so far. */
type Job = EncodingRequest & {
  vectors: Float32Array[];
  settle: (outcome: { vectors: Float32Array[] } | { error: FleetError }) => void;
};

/**
 * Requests take turns over one encoder, an input each: a request of one text does not wait for all of one with thousands.
 */
export class EncoderEngine implements ModelEngine {
  readonly #encoder: Encoder;
  readonly #clock: Clock;
  readonly #queueMax: number;
  readonly #onStep: EngineObserver['onStep'];
  readonly #jobs: Job[] = [];
  #loop: Promise<void> | undefined;
  #draining = false;
  #lastTurnMs: number;
  #longestStepMs = 0;
  /** Mean time of an input, for honest estimates of a wait. */
  #inputMs = 0;

  constructor({ encoder, clock, queueMax, onStep }: EncoderEngineOptions) {
    this.#encoder = encoder;
    this.#clock = clock;
    this.#queueMax = queueMax;
    this.#onStep = onStep;
    this.#lastTurnMs = clock.nowMs();
  }

  get dimensions(): number {
    return this.#encoder.dimensions;
  }

  /**
   * One vector for each input, in order. Aborting the signal ends the request within one input.
   * Throws `queue_full`, `cancelled`, `engine_failed`, `context_length_exceeded`, `shutting_down`.
   */
  encode(request: EncodingRequest): Promise<Float32Array[]> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(request.signal);
      if (refusal) return reject(refusal);
      const onAbort = (): void => this.#end(job, { error: cancelled() });
      const job: Job = {
        ...request,
        vectors: [],
        settle: (outcome) => {
          request.signal.removeEventListener('abort', onAbort);
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.vectors);
        },
      };
      request.signal.addEventListener('abort', onAbort, { once: true });
      this.#jobs.push(job);
      this.#wake();
    });
  }

  stats(): EngineStats {
    const running = Math.min(1, this.#jobs.length);
    return {
      slots: 1,
      running,
      queued: this.#jobs.length - running,
      kvTokens: 0,
      kvTokensMax: 0,
      waitMs: this.#waitMs(),
      heartbeatAgeMs: this.#loop ? this.#clock.nowMs() - this.#lastTurnMs : 0,
      longestStepMs: this.#longestStepMs,
      contextLength: this.#encoder.tokensMax,
    };
  }

  async drain(graceMs: number): Promise<boolean> {
    this.#draining = true;
    if (await this.#restsWithin(graceMs)) return true;
    for (let job = this.#jobs[0]; job; job = this.#jobs[0]) this.#end(job, { error: stopping() });
    return this.#restsWithin(lastStepMs(this.#longestStepMs));
  }

  async release(): Promise<void> {
    this.#draining = true;
    await this.#encoder.release();
  }

  #refusal(signal: AbortSignal): FleetError | undefined {
    if (signal.aborted) return cancelled();
    if (this.#draining) return closed();
    if (this.#jobs.length <= this.#queueMax) return undefined;
    return new FleetError('queue_full', `${this.#jobs.length - 1} requests wait already, and that is the limit.`, {
      retryAfterMs: this.#waitMs(),
    });
  }

  #wake(): void {
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#jobs.length > 0) this.#wake();
    });
  }

  #waitMs(): number {
    return this.#jobs.reduce((sum, { inputs, vectors }) => sum + inputs.length - vectors.length, 0) * this.#inputMs;
  }

  async #run(): Promise<void> {
    for (;;) {
      const job = this.#jobs[0];
      if (!job) return;
      this.#lastTurnMs = this.#clock.nowMs();
      await this.#turn(job);
    }
  }

  /** The next input of a request, which then stands at the end of the row. */
  async #turn(job: Job): Promise<void> {
    const input = job.inputs[job.vectors.length];
    if (!input) return this.#end(job, { vectors: job.vectors });
    const startedMs = this.#clock.nowMs();
    try {
      job.vectors.push(...(await this.#encoder.encode([input])));
      this.#report(job, input.length, this.#clock.nowMs() - startedMs);
    } catch (error) {
      return this.#end(job, { error: asFleetError(error) });
    }
    if (job.vectors.length === job.inputs.length) return this.#end(job, { vectors: job.vectors });
    const at = this.#jobs.indexOf(job);
    if (at === -1) return;
    this.#jobs.splice(at, 1);
    this.#jobs.push(job);
  }

  #report(job: Job, tokens: number, durationMs: number): void {
    this.#longestStepMs = Math.max(this.#longestStepMs, durationMs);
    this.#inputMs += (durationMs - this.#inputMs) / 8;
    if (job.internal !== true)
      this.#onStep?.({ kind: 'encode', sequences: 1, tokens, drawn: 0, drafted: 0, accepted: 0, durationMs });
  }

  #end(job: Job, outcome: Parameters<Job['settle']>[0]): void {
    const at = this.#jobs.indexOf(job);
    if (at === -1) return;
    this.#jobs.splice(at, 1);
    job.settle(outcome);
  }

  #restsWithin(waitMs: number): Promise<boolean> {
    return restsWithin(() => this.#loop, waitMs, this.#clock);
  }
}
