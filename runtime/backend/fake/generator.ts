import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterMatrix, AdapterPlaces, Generator, Step, StepRow } from '../backend.ts';

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
  draftTokensMax?: number;
  /** Places for adapters. */
  adapters?: { places: number; rankMax: number };
};

/** What a slot holds: tokens, and the content of the adapter that they were computed with. */
type Written = { tokens: readonly number[]; adapter: number };

const hashed = (sum: number, token: number): number => (Math.imul(sum ^ token, 0x01000193) + 0x9e3779b9) >>> 0;

/**
 * A model whose next token is a hash of the whole sequence, and a strict referee: it remembers what was written to each
 * slot, and under which adapter, and refuses steps that build on anything else.
 */
export class FakeGenerator implements Generator {
  readonly kind = 'generator';
  readonly vocabularySize: number;
  readonly slots: number;
  readonly slotTokens: number;
  readonly memoryBytes = 0;
  readonly adapters: FakeAdapters | undefined;
  readonly #options: FakeOptions;
  readonly #written: Written[];
  #busy = false;
  /** Of the step that runs. */
  #rows: readonly StepRow[] = [];
  #running: Promise<unknown> = Promise.resolve();
  steps = 0;
  released = false;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.vocabularySize = options.vocabularySize;
    this.slots = options.slots;
    this.slotTokens = options.slotTokens;
    this.adapters = options.adapters && new FakeAdapters(options.adapters, () => this.#rows);
    this.#written = Array.from({ length: options.slots }, () => ({ tokens: [], adapter: 0 }));
  }

  async step(step: Step): Promise<Float32Array> {
    this.#check(step);
    this.#busy = true;
    this.#rows = step.rows;
    const run = this.#run(step).finally(() => {
      this.#busy = false;
      this.#rows = [];
    });
    this.#running = run.catch(() => undefined);
    return run;
  }

  copySlot(from: number, to: number, tokens: number): void {
    if (this.#busy) throw new Error('a slot was copied during a step');
    const source = this.#written[from];
    if (!source || source.tokens.length < tokens)
      throw new Error(`slot ${from} holds ${source?.tokens.length} tokens, not ${tokens}`);
    this.#written[to] = { ...source, tokens: source.tokens.slice(0, tokens) };
  }

  swapSlots(one: number, other: number, tokens: number): void {
    if (this.#busy) throw new Error('slots were exchanged during a step');
    const [first, second] = [one, other].map((slot) => {
      const written = this.#written[slot] ?? { tokens: [], adapter: 0 };
      return { ...written, tokens: written.tokens.slice(0, tokens) };
    });
    if (!first || !second) return;
    this.#written[one] = second;
    this.#written[other] = first;
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
    const logitsMax = Math.max(this.slots, 1 + (this.#options.draftTokensMax ?? 0));
    if (wantLogits === 'every' && (rows.length > 1 || tokens > logitsMax))
      throw new Error(`logits of every token are for one row of ${logitsMax} tokens`);
  }

  async #run(step: Step): Promise<Float32Array> {
    const number = this.steps;
    this.steps += 1;
    const tokens = step.rows.reduce((sum, row) => sum + row.tokens.length, 0);
    await this.#options.clock.sleep(this.#options.stepMs?.(tokens) ?? 0);
    if (this.#options.failsAt?.(number))
      throw new FleetError('engine_failed', 'A step of the model failed. Try again.');
    const sequences = step.rows.map((row, index) => this.#write(step.firstSlot + index, row));
    return this.#logits(step, sequences);
  }

  #write(slot: number, { tokens, past, adapter = 0 }: StepRow): Written {
    const held = this.#written[slot];
    if (!held || held.tokens.length < past)
      throw new Error(`slot ${slot} holds ${held?.tokens.length} tokens, and the step builds on ${past}`);
    if (past + tokens.length > this.slotTokens)
      throw new Error(`slot ${slot} would hold more than ${this.slotTokens} tokens`);
    const content = adapter === 0 ? 0 : this.adapters?.at(adapter);
    if (content === undefined) throw new Error(`there is no adapter at place ${adapter}`);
    if (past > 0 && held.adapter !== content)
      throw new Error(`slot ${slot} was computed with another adapter than the one at place ${adapter}`);
    const written = { tokens: [...held.tokens.slice(0, past), ...tokens], adapter: content };
    this.#written[slot] = written;
    return written;
  }

  #logits({ wantLogits, rows }: Step, sequences: readonly Written[]): Float32Array {
    if (wantLogits === false) return new Float32Array();
    const [whole = { tokens: [], adapter: 0 }] = sequences;
    const past = rows[0]?.past ?? 0;
    const wanted =
      wantLogits === 'every'
        ? whole.tokens.slice(past).map((_, at) => ({ ...whole, tokens: whole.tokens.slice(0, past + at + 1) }))
        : sequences;
    const logits = new Float32Array(wanted.length * this.vocabularySize);
    wanted.forEach((sequence, row) =>
      this.#fill(logits.subarray(row * this.vocabularySize, (row + 1) * this.vocabularySize), sequence),
    );
    return logits;
  }

  #fill(row: Float32Array, { tokens, adapter }: Written): void {
    const next = this.#options.next?.(tokens);
    const hash = tokens.reduce(hashed, (0x811c9dc5 ^ adapter) >>> 0);
    for (let token = 0; token < row.length; token += 1) {
      row[token] = (Math.imul(hash ^ (token * 0x85ebca6b), 0xc2b2ae35) >>> 16) / 8192;
    }
    // Above all that the hash gives.
    if (next !== undefined) row[next] = 32;
  }
}

/** Places whose content is a hash of what was written; refuses to write where a step reads. */
class FakeAdapters implements AdapterPlaces {
  readonly count: number;
  readonly rankMax: number;
  readonly #contents = new Map<number, number>();
  readonly #rows: () => readonly StepRow[];

  constructor({ places, rankMax }: { places: number; rankMax: number }, rows: () => readonly StepRow[]) {
    this.count = places;
    this.rankMax = rankMax;
    this.#rows = rows;
  }

  at(place: number): number | undefined {
    return this.#contents.get(place);
  }

  async write(place: number, matrices: Iterable<AdapterMatrix>): Promise<void> {
    this.#contents.delete(place);
    let content = 1;
    for (const { down, up } of matrices) {
      await Promise.resolve();
      if (this.#rows().some(({ adapter }) => adapter === place)) throw new Error(`place ${place} is in use`);
      content = [...down, ...up].reduce((sum, value) => hashed(sum, Math.round(value * 1e6)), content);
    }
    this.#contents.set(place, content);
  }
}
