import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { Generator, Step } from '../backend.ts';

export type FakeOptions = {
  slots: number;
  slotTokens: number;
  vocabularySize: number;
  clock: Clock;
  /** How long a step takes, from its tokens. */
  stepMs?: (tokens: number) => number;
  /** The likeliest token after a sequence, for tests that need a certain answer. */
  next?: (sequence: readonly number[]) => number | undefined;
  /** Steps that throw instead, by their number from 0. */
  failsAt?: (step: number) => boolean;
};

/**
 * A model whose next token is a hash of the whole sequence, and a strict referee: it remembers what was written to each
 * slot, and refuses steps that build on anything else.
 */
export class FakeGenerator implements Generator {
  readonly kind = 'generator';
  readonly vocabularySize: number;
  readonly slots: number;
  readonly slotTokens: number;
  readonly memoryBytes = 0;
  readonly #options: FakeOptions;
  readonly #written: number[][];
  #busy = false;
  #running: Promise<unknown> = Promise.resolve();
  steps = 0;
  released = false;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.vocabularySize = options.vocabularySize;
    this.slots = options.slots;
    this.slotTokens = options.slotTokens;
    this.#written = Array.from({ length: options.slots }, () => []);
  }

  async step(step: Step): Promise<Float32Array> {
    this.#check(step);
    this.#busy = true;
    const run = this.#run(step).finally(() => (this.#busy = false));
    this.#running = run.catch(() => undefined);
    return run;
  }

  copySlot(from: number, to: number, tokens: number): void {
    if (this.#busy) throw new Error('a slot was copied during a step');
    const source = this.#written[from];
    if (!source || source.length < tokens)
      throw new Error(`slot ${from} holds ${source?.length} tokens, not ${tokens}`);
    this.#written[to] = source.slice(0, tokens);
  }

  async release(): Promise<void> {
    this.released = true;
    await this.#running;
  }

  #check({ rows, wantLogits }: Step): void {
    if (this.#busy) throw new Error('a step was begun before the last one was over');
    if (this.released) throw new FleetError('engine_failed', 'The model has been released.');
    const tokens = rows.reduce((sum, row) => sum + row.tokens.length, 0);
    if (rows.length > 1 && tokens !== rows.length) throw new Error('several rows may have one token each only');
    if (wantLogits === 'every' && (rows.length > 1 || tokens > this.slots))
      throw new Error(`logits of every token are for one row of ${this.slots} tokens`);
  }

  async #run(step: Step): Promise<Float32Array> {
    const number = this.steps;
    this.steps += 1;
    const tokens = step.rows.reduce((sum, row) => sum + row.tokens.length, 0);
    await this.#options.clock.sleep(this.#options.stepMs?.(tokens) ?? 0);
    if (this.#options.failsAt?.(number))
      throw new FleetError('engine_failed', 'A step of the model failed. Try again.');
    const sequences = step.rows.map((row, index) => this.#write(step.firstSlot + index, row.tokens, row.past));
    return this.#logits(step, sequences);
  }

  #write(slot: number, tokens: readonly number[], past: number): number[] {
    const held = this.#written[slot];
    if (!held || held.length < past)
      throw new Error(`slot ${slot} holds ${held?.length} tokens, and the step builds on ${past}`);
    if (past + tokens.length > this.slotTokens)
      throw new Error(`slot ${slot} would hold more than ${this.slotTokens} tokens`);
    const sequence = [...held.slice(0, past), ...tokens];
    this.#written[slot] = sequence;
    return sequence;
  }

  #logits({ wantLogits, rows }: Step, sequences: readonly number[][]): Float32Array {
    if (wantLogits === false) return new Float32Array();
    const [whole = []] = sequences;
    const past = rows[0]?.past ?? 0;
    const wanted = wantLogits === 'every' ? whole.slice(past).map((_, at) => whole.slice(0, past + at + 1)) : sequences;
    const logits = new Float32Array(wanted.length * this.vocabularySize);
    wanted.forEach((sequence, row) =>
      this.#fill(logits.subarray(row * this.vocabularySize, (row + 1) * this.vocabularySize), sequence),
    );
    return logits;
  }

  #fill(row: Float32Array, sequence: readonly number[]): void {
    const next = this.#options.next?.(sequence);
    const hash = sequence.reduce((sum, token) => (Math.imul(sum ^ token, 0x01000193) + 0x9e3779b9) >>> 0, 0x811c9dc5);
    for (let token = 0; token < row.length; token += 1) {
      row[token] = (Math.imul(hash ^ (token * 0x85ebca6b), 0xc2b2ae35) >>> 16) / 8192;
    }
    // Above all that the hash gives.
    if (next !== undefined) row[next] = 32;
  }
}
