import { setImmediate } from 'node:timers/promises';
import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterMatrix, AdapterPlaces, StepRow } from '../backend.ts';
import { MemoryBlock } from './memory.ts';
import { Tensor } from './session.ts';

export type AdapterShape = {
  layers: number;
  /** Each maps `columns` values to `rows`. */
  projections: readonly { name: string; rows: number; columns: number }[];
};

export type AdapterInputNames = {
  rows: string;
  down: (projection: string) => string;
  up: (projection: string) => string;
};

/** A projection's matrices of all places and layers: `[places * layers, columns, rankMax]` and `[.., rankMax, rows]`. */
type Stack = { name: string; rows: number; columns: number; down: Float32Array; up: Float32Array };

const floatBytes = 4;

/**
 * The matrices of all adapters, as the graph's inputs. Place 0 holds zeros and is nobody's. What an adapter has fewer than
 * `rankMax` is zeros, which add nothing.
 */
export class AdapterStacks implements AdapterPlaces {
  readonly count: number;
  readonly rankMax: number;
  readonly bytes: number;
  readonly #layers: number;
  readonly #memory: MemoryBlock;
  readonly #stacks: readonly Stack[];
  /** By place that has been written: which projections its adapter changes, a bit for each. */
  readonly #changes = new Map([[0, 0]]);
  #writing: Promise<unknown> = Promise.resolve();
  #released = false;

  /** Throws `engine_failed` when there is no memory for them. */
  constructor({ layers, projections }: AdapterShape, { places, rankMax }: { places: number; rankMax: number }) {
    this.count = places;
    this.rankMax = rankMax;
    this.#layers = layers;
    const matrices = (places + 1) * layers * rankMax;
    const floats = projections.reduce((sum, { rows, columns }) => sum + matrices * (rows + columns), 0);
    this.#memory = new MemoryBlock(floats * floatBytes);
    this.bytes = this.#memory.bytes;
    const { buffer } = this.#memory;
    let at = 0;
    const next = (length: number): Float32Array => {
      const piece = new Float32Array(buffer, at, length);
      at += length * floatBytes;
      return piece;
    };
    this.#stacks = projections.map((shape) => ({
      ...shape,
      down: next(matrices * shape.columns),
      up: next(matrices * shape.rows),
    }));
    for (const stack of this.#stacks) this.#clear(stack, 0);
  }

  /** Names of the graph's inputs, in the order of `tensors`. */
  names({ down, up }: AdapterInputNames): string[] {
    return this.#stacks.flatMap(({ name }) => [down(name), up(name)]);
  }

  /** Whether every row's adapter is there. */
  knows(rows: readonly StepRow[]): boolean {
    return rows.every(({ adapter = 0 }) => this.#changes.has(adapter));
  }

  /** Which projections the adapters of these rows change, a bit for each. */
  changedBy(rows: readonly StepRow[]): number {
    return rows.reduce((changes, { adapter = 0 }) => changes | (this.#changes.get(adapter) ?? 0), 0);
  }

  /** The row of a place in the stacks, before that of its layer. */
  rowOf = (place: number): number => place * this.#layers;

  /** Two for each projection, of rank 0 where nothing is changed. */
  tensors(changed: number): Tensor[] {
    const matrices = (this.count + 1) * this.#layers;
    return this.#stacks.flatMap(({ rows, columns, down, up }, bit) => {
      const rank = (changed & (1 << bit)) === 0 ? 0 : this.rankMax;
      return [
        new Tensor(this.#addressOf(down), [matrices, columns, rank], 'float32'),
        new Tensor(this.#addressOf(up), [matrices, rank, rows], 'float32'),
      ];
    });
  }

  write(place: number, matrices: Iterable<AdapterMatrix>): Promise<void> {
    if (!(Number.isInteger(place) && place >= 1 && place <= this.count))
      throw new FleetError('engine_failed', `There is no place ${place} for an adapter.`);
    const writing = this.#write(place, matrices);
    this.#writing = Promise.all([this.#writing, writing.catch(() => undefined)]);
    return writing;
  }

  /** Ends writes that are under way at their next matrix. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#writing;
    this.free();
  }

  /** Only while nothing is written. */
  free(): void {
    this.#memory.free();
  }

  async #write(place: number, matrices: Iterable<AdapterMatrix>): Promise<void> {
    this.#changes.delete(place);
    for (const stack of this.#stacks) {
      await this.#turn();
      this.#clear(stack, place);
    }
    let changes = 0;
    for (const matrix of matrices) {
      await this.#turn();
      const bit = this.#stacks.findIndex(({ name }) => name === matrix.projection);
      this.#put(this.#stacks[bit], place, matrix);
      changes |= 1 << bit;
    }
    this.#changes.set(place, changes);
  }

  /** Memory that was used before is not zero. */
  #clear({ down, up }: Stack, place: number): void {
    for (const values of [down, up]) {
      const length = values.length / (this.count + 1);
      values.fill(0, place * length, (place + 1) * length);
    }
  }

  /** Both are transposed: what is multiplied by a row of numbers is read front to back. */
  #put(stack: Stack | undefined, place: number, { layer, rank, down, up }: AdapterMatrix): void {
    const fits =
      stack !== undefined &&
      layer < this.#layers &&
      rank <= this.rankMax &&
      down.length === rank * stack.columns &&
      up.length === rank * stack.rows;
    if (!fits) throw new FleetError('engine_failed', 'A matrix of an adapter does not fit the model.');
    const { rankMax } = this;
    const { rows, columns } = stack;
    const downAt = (place * this.#layers + layer) * columns * rankMax;
    for (let column = 0; column < columns; column += 1)
      for (let at = 0; at < rank; at += 1)
        stack.down[downAt + column * rankMax + at] = down[at * columns + column] ?? 0;
    const upAt = (place * this.#layers + layer) * rankMax * rows;
    for (let at = 0; at < rank; at += 1)
      for (let row = 0; row < rows; row += 1) stack.up[upAt + at * rows + row] = up[row * rank + at] ?? 0;
  }

  async #turn(): Promise<void> {
    await setImmediate();
    if (this.#released) throw new FleetError('engine_failed', 'The model has been released.');
  }

  #addressOf({ byteOffset }: Float32Array): bigint {
    return this.#memory.address + BigInt(byteOffset);
  }
}
