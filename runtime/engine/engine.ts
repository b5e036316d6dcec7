import type { Clock } from '@qwenfleet/core/clock';
import { FleetError, asFleetError } from '@qwenfleet/core/errors';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import type { Generator } from '../backend/backend.ts';
import { sample, withLogprobs } from '../sample/sampler.ts';
import { Drafter, type DraftSettings } from './drafter.ts';
import type {
  EndedAnswer,
  EngineObserver,
  GeneratedToken,
  GenerationEnd,
  GenerationEngine,
  GenerationRequest,
} from './generation.ts';
import type { EngineStats } from './model-engine.ts';
import type { SlotMove } from './prefix-cache.ts';
import { cancelled, closed, stopping } from './refusals.ts';
import { lastStepMs, restsWithin } from './rest.ts';
import { Scheduler, type ScheduledStep } from './scheduler.ts';
import { completionTokens, endOf, type Sequence } from './sequence.ts';
import { TokenStream } from './token-stream.ts';

export type EngineOptions = EngineObserver & {
  generator: Generator;
  clock: Clock;
  prefillChunkTokens: number;
  queueMax: number;
  /** The longest step of warming up. */
  longestStepMs?: number;
  /** For sequences to try guesses at what comes next; without, none do. */
  drafts?: DraftSettings | undefined;
};

/** A sequence with what the engine alone needs of it. */
type Active = {
  sequence: Sequence;
  stream: TokenStream;
  rng: Rng;
  answer: Map<number, number>;
  seen: Set<number>;
  /** Positions of the prompt that its reader has been told of, where it wants to be. */
  promptTold: number;
  /** Set when the reader has left; acted upon between two steps. */
  cancelled: FleetError | undefined;
};

/** Continuous batching over one generator. The loop turns while there is work and rests otherwise. */
export class Engine implements GenerationEngine {
  readonly #generator: Generator;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #observer: EngineObserver;
  readonly #active = new Map<Sequence, Active>();
  #loop: Promise<void> | undefined;
  #draining = false;
  /** A step hung while the engine was drained: whatever it still does, nothing follows. */
  #abandoned = false;
  #lastTurnMs: number;
  #longestStepMs: number;
  readonly #drafts: DraftSettings | undefined;
  /** Tokens that the step under way has added to answers, and those of them that had been guessed. */
  #drawn = 0;
  #accepted = 0;
  /** Mean time that a sequence held a slot, for honest estimates of a wait. */
  #slotMs = 1_000;

  constructor({
    generator,
    clock,
    prefillChunkTokens,
    queueMax,
    longestStepMs = 0,
    drafts,
    ...observer
  }: EngineOptions) {
    const { slots, slotTokens } = generator;
    this.#generator = generator;
    this.#clock = clock;
    this.#observer = observer;
    this.#longestStepMs = longestStepMs;
    this.#drafts = drafts;
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
      waitMs: running.length + waiting.length < slots ? 0 : this.#waitMs(),
      heartbeatAgeMs: this.#loop ? this.#clock.nowMs() - this.#lastTurnMs : 0,
      longestStepMs: this.#longestStepMs,
      contextLength: slotTokens,
    };
  }

  async drain(graceMs: number): Promise<boolean> {
    this.#draining = true;
    if (await this.#restsWithin(graceMs)) return true;
    for (const active of this.#active.values()) this.#cancel(active, stopping());
    if (await this.#restsWithin(lastStepMs(this.#longestStepMs))) return true;
    // The step hangs and cannot be ended: its readers are told, and nobody waits for it.
    this.#abandoned = true;
    this.#failAll(stopping());
    return false;
  }

  async release(): Promise<void> {
    this.#draining = true;
    await this.#generator.release();
  }

  #restsWithin(waitMs: number): Promise<boolean> {
    return restsWithin(() => this.#loop, waitMs, this.#clock);
  }

  #add(request: GenerationRequest): Active {
    if (this.#draining) throw closed();
    const nowMs = this.#clock.nowMs();
    const sequence: Sequence = {
      request,
      phase: 'waiting',
      slot: -1,
      tokens: [...request.promptTokens],
      cached: 0,
      reused: 0,
      maxTokens: 0,
      arrival: 0,
      preemptions: 0,
      drafter: this.#drafts && new Drafter(this.#drafts),
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
      promptTold: 1,
      cancelled: undefined,
    };
    const [first] = request.promptTokens;
    if (request.promptLogprobs && first !== undefined) active.stream.push({ token: { token: first, ofPrompt: true } });
    this.#active.set(sequence, active);
    this.#wake();
    return active;
  }

  /** A full queue empties at the rate at which slots come free. */
  #waitMs(): number {
    return ((this.#scheduler.waiting.length + 1) / this.#generator.slots) * this.#slotMs;
  }

  #withEstimate(error: FleetError): FleetError {
    return new FleetError('queue_full', error.message, { retryAfterMs: this.#waitMs() });
  }

  #cancel(active: Active, reason = cancelled()): void {
    if (!this.#active.has(active.sequence)) return;
    active.cancelled ??= reason;
    // A sequence without a slot is in no step: it can go at once.
    if (active.sequence.phase === 'waiting') this.#fail(active, active.cancelled);
  }

  #wake(): void {
    this.#loop ??= this.#run()
      .catch((fault: unknown) => this.#broken(fault))
      .finally(() => {
        this.#loop = undefined;
        if (this.#active.size > 0) this.#wake();
      });
  }

  async #run(): Promise<void> {
    while (!this.#abandoned) {
      this.#lastTurnMs = this.#clock.nowMs();
      for (const active of this.#active.values()) if (active.cancelled) this.#fail(active, active.cancelled);
      this.#admit();
      const scheduled = this.#scheduler.next();
      if (!scheduled) return;
      await this.#turn(scheduled);
    }
  }

  #admit(): void {
    const { started, preempted, moves } = this.#scheduler.admit();
    for (const sequence of started.filter(({ preemptions }) => preemptions === 0)) {
      sequence.startedMs = this.#clock.nowMs();
      sequence.request.onSlot?.();
    }
    this.#copy(moves);
    for (const { request } of preempted) if (request.internal !== true) this.#observer.onPreempted?.();
  }

  /** What is in the slots is unknown after a fault outside of a step, so that nothing that runs can go on. */
  #broken(fault: unknown): void {
    const cause = fault instanceof Error ? fault : new Error(String(fault));
    this.#failAll(new FleetError('engine_failed', 'The engine failed. Try again.', { cause }));
    this.#observer.onFault?.(cause);
  }

  #failAll(error: FleetError): void {
    this.#scheduler.clear();
    for (const { sequence, stream } of this.#active.values()) {
      sequence.request.adapter?.end();
      stream.push({ error });
    }
    this.#active.clear();
  }

  /** One step. One that fails takes only its own sequences with it. */
  async #turn(scheduled: ScheduledStep): Promise<void> {
    const startedMs = this.#clock.nowMs();
    try {
      const logits = await this.#generator.step(scheduled.step);
      if (this.#abandoned) return;
      this.#copy(this.#scheduler.computed(scheduled));
      this.#drawn = 0;
      this.#accepted = 0;
      this.#take(scheduled, logits);
      this.#report(scheduled, startedMs);
    } catch (error) {
      const failure = asFleetError(error);
      for (const sequence of scheduled.sequences) this.#withActive(sequence, (active) => this.#fail(active, failure));
    }
  }

  #report({ kind, step, sequences, drafts = [] }: ScheduledStep, startedMs: number): void {
    const durationMs = this.#clock.nowMs() - startedMs;
    this.#longestStepMs = Math.max(this.#longestStepMs, durationMs);
    const asked = step.rows.filter((_, row) => sequences[row]?.request.internal !== true);
    if (asked.length === 0) return;
    const tokens = asked.reduce((sum, row) => sum + row.tokens.length, 0);
    const [drafted, drawn, accepted] = [drafts.length, this.#drawn, this.#accepted];
    this.#observer.onStep?.({ kind, sequences: asked.length, tokens, drawn, drafted, accepted, durationMs });
  }

  #take(scheduled: ScheduledStep, logits: Float32Array): void {
    const { kind, step, sequences, drafts = [] } = scheduled;
    const { vocabularySize } = this.#generator;
    const rowAt = (row: number): Float32Array => logits.subarray(row * vocabularySize, (row + 1) * vocabularySize);
    if (step.wantLogits === false) return;
    if (step.wantLogits === 'every' && kind === 'decode')
      return this.#withActive(sequences[0], (active) => this.#nextOf(active, drafts, rowAt));
    if (step.wantLogits === 'every') {
      const [row] = step.rows;
      row?.tokens.forEach((_, index) =>
        this.#withActive(sequences[0], (active) => this.#nextOfPrompt(active, row.past + index + 1, rowAt(index))),
      );
      return;
    }
    const { followers, moves } = this.#scheduler.share(scheduled);
    this.#copy(moves);
    // Followers are of a step of one row.
    const answered = [...sequences.entries(), ...followers.map((follower) => [0, follower] as const)];
    for (const [row, sequence] of answered) this.#withActive(sequence, (active) => this.#next(active, rowAt(row)));
  }

  /** What the model thought of the prompt's own token at this position; after the prompt's last, the answer begins. */
  #nextOfPrompt(active: Active, position: number, logits: Float32Array): void {
    const { promptTokens, topLogprobs = 0 } = active.sequence.request;
    const token = promptTokens[position];
    if (token === undefined) {
      this.#next(active, logits);
      return;
    }
    // Computed again after it was preempted.
    if (position < active.promptTold) return;
    active.promptTold = position + 1;
    active.stream.push({ token: { ...withLogprobs(token, logits, topLogprobs), ofPrompt: true } });
  }

  /**
   * Draws what follows the last token, and then each guess as long as the one before was drawn, too: token by token the
   * same draws, from the same logits, as one step each would make.
   */
  #nextOf(active: Active, drafts: readonly number[], logitsAt: (row: number) => Float32Array): void {
    const { sequence } = active;
    for (let row = 0; sequence.phase === 'decoding'; row += 1) {
      const token = this.#next(active, logitsAt(row));
      if (token === undefined || token !== drafts[row]) return;
      this.#scheduler.accepted(sequence);
      if (sequence.request.internal !== true) this.#accepted += 1;
    }
  }

  /**
   * Draws a sequence's next token, hands it over, and ends the sequence when that was the last.
   * @returns the token, unless its reader has left.
   */
  #next(active: Active, logits: Float32Array): number | undefined {
    if (active.cancelled) return undefined;
    const { sequence, stream, answer, seen } = active;
    const { request } = sequence;
    const token = sample(logits, request.sampling, { answer, seen, constraint: request.constraint }, active.rng);
    sequence.drafter?.drawn(token);
    const first = completionTokens(sequence) === 0;
    if (first) this.#begun(sequence);
    if (request.stopTokens.has(token)) {
      this.#finish(active, 'stop');
      return token;
    }
    sequence.tokens.push(token);
    if (request.internal !== true) this.#drawn += 1;
    answer.set(token, (answer.get(token) ?? 0) + 1);
    seen.add(token);
    stream.push({
      token: {
        ...(request.topLogprobs === undefined ? { token } : withLogprobs(token, logits, request.topLogprobs)),
        ...(first ? { cachedTokens: sequence.reused } : {}),
      },
    });
    request.constraint?.accept(token);
    if (request.constraint?.complete === true) this.#finish(active, 'stop');
    else if (completionTokens(sequence) >= sequence.maxTokens) this.#finish(active, 'length');
    return token;
  }

  #begun(sequence: Sequence): void {
    const nowMs = this.#clock.nowMs();
    sequence.firstTokenMs = nowMs;
    if (sequence.request.internal !== true) this.#observer.onFirstToken?.(endOf(sequence, nowMs));
  }

  #finish(active: Active, reason: GenerationEnd['reason']): void {
    const ended = this.#leave(active, true);
    const { adapter: _, ...end } = ended;
    active.stream.push({ end: { reason, ...end } });
    this.#tell(active, ended);
  }

  #fail(active: Active, error: FleetError): void {
    // Cancellation is acted upon between steps, when what the slot holds is whole.
    const ended = this.#leave(active, error.code === 'cancelled');
    active.stream.push({ error });
    this.#tell(active, ended);
  }

  #tell({ sequence: { request } }: Active, ended: EndedAnswer): void {
    if (ended.completionTokens > 0 && request.internal !== true) this.#observer.onEnd?.(ended);
  }

  /** Never called while a step runs, but for sequences that have no slot: the copies below touch the cache. */
  #leave({ sequence }: Active, sound: boolean): EndedAnswer {
    const nowMs = this.#clock.nowMs();
    if (sequence.phase !== 'waiting') this.#slotMs += (nowMs - sequence.startedMs - this.#slotMs) / 8;
    this.#active.delete(sequence);
    this.#copy(this.#scheduler.remove(sequence, sound));
    sequence.request.adapter?.end();
    return endOf(sequence, nowMs);
  }

  #copy(moves: readonly SlotMove[]): void {
    for (const { from, to, tokens, back } of moves) {
      if (back === undefined) this.#generator.copySlot(from, to, tokens);
      else this.#generator.swapSlots(from, to, Math.max(tokens, back));
    }
  }

  /** What fails for one sequence ends that one. */
  #withActive(sequence: Sequence | undefined, act: (active: Active) => void): void {
    const active = sequence && this.#active.get(sequence);
    if (!active) return;
    try {
      act(active);
    } catch (error) {
      this.#fail(active, asFleetError(error));
    }
  }
}
