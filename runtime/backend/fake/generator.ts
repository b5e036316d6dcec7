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
  readonly #options: FakeOptions;
  readonly #written: number[][];
  #busy = false;
  steps = 0;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.vocabularySize = options.vocabularySize;
    this.slots = options.slots;
    this.slotTokens = options.slotTokens;
    this.#written = Array.from({ length: options.slots }, () => []);
  }

  async step(step: Step): Promise<Float32Array> {
    if (this.#busy) throw new Error('a step was begun before the last one was over');
    const tokens = step.rows.reduce((sum, row) => sum + row.tokens.length, 0);
    if (step.rows.length > 1 && tokens !== step.rows.length)
      throw new Error('several rows may have one token each only');
    this.#busy = true;
    const number = this.steps;
    this.steps += 1;
    await this.#options.clock.sleep(this.#options.stepMs?.(tokens) ?? 0);
    this.#busy = false;
    if (this.#options.failsAt?.(number))
      throw new FleetError('engine_failed', 'A step of the model failed. Try again.');
    const logits = new Float32Array(step.wantLogits ? step.rows.length * this.vocabularySize : 0);
    step.rows.forEach((row, index) => {
      const sequence = this.#write(step.firstSlot + index, row.tokens, row.past);
      if (step.wantLogits)
        this.#fill(logits.subarray(index * this.vocabularySize, (index + 1) * this.vocabularySize), sequence);
    });
    return logits;
  }

  copySlot(from: number, to: number, tokens: number): void {
    if (this.#busy) throw new Error('a slot was copied during a step');
    const source = this.#written[from];
    if (!source || source.length < tokens)
      throw new Error(`slot ${from} holds ${source?.length} tokens, not ${tokens}`);
    this.#written[to] = source.slice(0, tokens);
  }

  async release(): Promise<void> {
    this.#written.length = 0;
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

  #fill(row: Float32Array, sequence: readonly number[]): void {
    const hash = sequence.reduce((sum, token) => (Math.imul(sum ^ token, 0x01000193) + 0x9e3779b9) >>> 0, 0x811c9dc5);
    for (let token = 0; token < row.length; token += 1) {
      row[token] = (Math.imul(hash ^ (token * 0x85ebca6b), 0xc2b2ae35) >>> 16) / 8192;
    }
  }
}
