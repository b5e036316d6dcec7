import type { Clock } from '@qwenfleet/core/clock';
import { FleetError, asFleetError } from '@qwenfleet/core/errors';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import type { Generator } from '../backend/backend.ts';
import { sample, withLogprobs } from '../sample/sampler.ts';
import type { EngineStats, GeneratedToken, GenerationEnd, GenerationEngine, GenerationRequest } from './generation.ts';
import { Scheduler, type ScheduledStep } from './scheduler.ts';
import { completionTokens, endOf, type Sequence } from './sequence.ts';
import { TokenStream } from './token-stream.ts';

export type StepObserver = (step: {
  kind: ScheduledStep['kind'];
  sequences: number;
  tokens: number;
  durationMs: number;
}) => void;

export type EngineOptions = {
  generator: Generator;
  clock: Clock;
  prefillChunkTokens: number;
  queueMax: number;
  onStep?: StepObserver;
};

/** A sequence with what the engine alone needs of it. */
type Active = {
  sequence: Sequence;
  stream: TokenStream;
  rng: Rng;
  answer: Map<number, number>;
  seen: Set<number>;
  /** Set when the reader has left; acted upon between two steps. */
  cancelled: FleetError | undefined;
};

/** Continuous batching over one generator. The loop turns while there is work and rests otherwise. */
export class Engine implements GenerationEngine {
  readonly #generator: Generator;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #onStep: StepObserver | undefined;
  readonly #active = new Map<Sequence, Active>();
  #loop: Promise<void> | undefined;
  #draining = false;
  #lastTurnMs: number;
  #promptTokens = 0;
  #completionTokens = 0;
  /** Mean time that a sequence held a slot, for honest estimates of a wait. */
  #slotMs = 1_000;

  constructor({ generator, clock, prefillChunkTokens, queueMax, onStep }: EngineOptions) {
    const { slots, slotTokens } = generator;
    this.#generator = generator;
    this.#clock = clock;
    this.#onStep = onStep;
    this.#scheduler = new Scheduler({ slots, slotTokens, prefillChunkTokens, queueMax });
    this.#lastTurnMs = clock.nowMs();
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GeneratedToken, GenerationEnd, void> {
    if (request.signal.aborted) throw cancelled();
    const active = this.#add(request);
    const onAbort = (): void => this.#cancel(active);
    request.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return yield* active.stream.read();
    } finally {
      request.signal.removeEventListener('abort', onAbort);
      // Left early: by the time a finished one gets here it is no longer active.
      onAbort();
    }
  }

  stats(): EngineStats {
    const { running, waiting, cachedTokens } = this.#scheduler;
    const { slots, slotTokens } = this.#generator;
    return {
      slots,
      running: running.length,
      queued: waiting.length,
      kvTokens: cachedTokens,
      kvTokensMax: slots * slotTokens,
      promptTokensTotal: this.#promptTokens,
      completionTokensTotal: this.#completionTokens,
      heartbeatAgeMs: this.#loop ? this.#clock.nowMs() - this.#lastTurnMs : 0,
      contextLength: slotTokens,
    };
  }

  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const deadline = new AbortController();
    const grace = this.#clock.sleep(graceMs, deadline.signal).then(
      () => {
        for (const active of this.#active.values())
          this.#cancel(active, new FleetError('shutting_down', 'The server is stopping. Try again.'));
      },
      () => undefined,
    );
    while (this.#loop) await this.#loop;
    deadline.abort();
    await grace;
  }

  #add(request: GenerationRequest): Active {
    if (this.#draining)
      throw new FleetError('shutting_down', 'The server is stopping and takes no new requests. Try again.');
    const nowMs = this.#clock.nowMs();
    const sequence: Sequence = {
      request,
      phase: 'waiting',
      slot: -1,
      tokens: [...request.promptTokens],
      cached: 0,
      reused: 0,
      maxTokens: 0,
      arrivedMs: nowMs,
      startedMs: nowMs,
      firstTokenMs: nowMs,
    };
    try {
      this.#scheduler.add(sequence);
    } catch (error) {
      throw error instanceof FleetError && error.code === 'queue_full' ? this.#withEstimate(error) : error;
    }
    const active: Active = {
      sequence,
      stream: new TokenStream(),
      rng: seededRng(request.sampling.seed),
      answer: new Map(),
      seen: new Set(request.promptTokens),
      cancelled: undefined,
    };
    this.#active.set(sequence, active);
    this.#wake();
    return active;
  }

  /** A full queue empties at the rate at which slots come free. */
  #withEstimate(error: FleetError): FleetError {
    const waitMs = ((this.#scheduler.waiting.length + 1) / this.#generator.slots) * this.#slotMs;
    return new FleetError('queue_full', error.message, { retryAfterMs: waitMs });
  }

  #cancel(active: Active, reason = cancelled()): void {
    if (!this.#active.has(active.sequence)) return;
    active.cancelled ??= reason;
    // A sequence without a slot is in no step: it can go at once.
    if (active.sequence.phase === 'waiting') this.#fail(active, active.cancelled);
  }

  #wake(): void {
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#active.size > 0) this.#wake();
    });
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#lastTurnMs = this.#clock.nowMs();
      for (const active of this.#active.values()) if (active.cancelled) this.#fail(active, active.cancelled);
      this.#scheduler.admit((sequence) => (sequence.startedMs = this.#clock.nowMs()));
      const scheduled = this.#scheduler.next();
      if (!scheduled) return;
      await this.#turn(scheduled);
    }
  }

  /** One step. One that fails takes only its own sequences with it. */
  async #turn(scheduled: ScheduledStep): Promise<void> {
    const startedMs = this.#clock.nowMs();
    try {
      const logits = await this.#generator.step(scheduled.step);
      this.#scheduler.computed(scheduled);
      if (scheduled.step.wantLogits) this.#take(scheduled, logits);
    } catch (error) {
      const failure = asFleetError(error);
      for (const sequence of scheduled.sequences) this.#withActive(sequence, (active) => this.#fail(active, failure));
    }
    const tokens = scheduled.step.rows.reduce((sum, row) => sum + row.tokens.length, 0);
    if (scheduled.kind === 'prefill') this.#promptTokens += tokens;
    this.#onStep?.({
      kind: scheduled.kind,
      sequences: scheduled.sequences.length,
      tokens,
      durationMs: this.#clock.nowMs() - startedMs,
    });
  }

  #take(scheduled: ScheduledStep, logits: Float32Array): void {
    const { vocabularySize } = this.#generator;
    scheduled.sequences.forEach((sequence, row) => {
      const own = logits.subarray(row * vocabularySize, (row + 1) * vocabularySize);
      this.#withActive(sequence, (active) => this.#next(active, own));
    });
  }

  /** Draws a sequence's next token, hands it over, and ends the sequence when that was the last. */
  #next(active: Active, logits: Float32Array): void {
    if (active.cancelled) return;
    const { sequence, stream, answer, seen } = active;
    const { request } = sequence;
    const token = sample(logits, request.sampling, { answer, seen }, active.rng);
    if (completionTokens(sequence) === 0) sequence.firstTokenMs = this.#clock.nowMs();
    if (request.stopTokens.has(token)) return this.#finish(active, 'stop');
    sequence.tokens.push(token);
    this.#completionTokens += 1;
    answer.set(token, (answer.get(token) ?? 0) + 1);
    seen.add(token);
    stream.push({
      token: request.topLogprobs === undefined ? { token } : withLogprobs(token, logits, request.topLogprobs),
    });
    if (completionTokens(sequence) >= sequence.maxTokens) this.#finish(active, 'length');
  }

  #finish(active: Active, reason: GenerationEnd['reason']): void {
    this.#slotMs += (this.#clock.nowMs() - active.sequence.startedMs - this.#slotMs) / 8;
    this.#leave(active);
    active.stream.push({ end: endOf(active.sequence, reason) });
  }

  #fail(active: Active, error: FleetError): void {
    this.#leave(active);
    active.stream.push({ error });
  }

  /** Never called while a step runs, but for sequences that have no slot: the copies below touch the cache. */
  #leave({ sequence }: Active): void {
    this.#active.delete(sequence);
    for (const { from, to, tokens } of this.#scheduler.remove(sequence)) this.#generator.copySlot(from, to, tokens);
  }

  #withActive(sequence: Sequence, act: (active: Active) => void): void {
    const active = this.#active.get(sequence);
    if (active) act(active);
  }
}

const cancelled = (): FleetError => new FleetError('cancelled', 'The request was cancelled.');
