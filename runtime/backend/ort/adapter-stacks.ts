import { setImmediate } from 'node:timers/promises';
import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterMatrix, AdapterPlaces, StepRow } from '../backend.ts';
import { MemoryBlock } from './memory.ts';
import { Tensor } from './session.ts';

export type AdapterShape = {
  layers: number;
  /** Projections that take their rows together; each maps `columns` values to `rows`. */
  sites: readonly { name: string; projections: readonly { name: string; rows: number; columns: number }[] }[];
};

export type AdapterInputNames = {
  rows: (site: string) => string;
  down: (projection: string) => string;
  up: (projection: string) => string;
};

/** A projection's matrices: a row of zeros for each layer, then one for each place, rank and layer. */
type Stack = { name: string; rows: number; columns: number; down: Float32Array; up: Float32Array };
type Site = { name: string; stacks: readonly Stack[] };

/** By site: the largest rank of an adapter, or of those of a step. */
export type Ranks = readonly number[];

const floatBytes = 4;

/**
 * The matrices of all adapters, as the graph's inputs. What a sequence has less of than others in its step it takes from
 * the rows of zeros, which add nothing.
 */
export class AdapterStacks implements AdapterPlaces {
  readonly count: number;
  readonly rankMax: number;
  readonly bytes: number;
  readonly #layers: number;
  readonly #rowCount: number;
  readonly #memory: MemoryBlock;
  readonly #sites: readonly Site[];
  /** By site: which rows each sequence takes, layer 0's. */
  readonly #lists: readonly BigInt64Array[];
  /** By place that has been written; 0 is no adapter. */
  readonly #ranks = new Map<number, Ranks>([[0, []]]);
  #writing: Promise<unknown> = Promise.resolve();
  #released = false;

  /**
   * @param sequences that may share a step.
   * Throws `engine_failed` when there is no memory for them.
   */
  constructor(
    { layers, sites }: AdapterShape,
    { places, rankMax }: { places: number; rankMax: number },
    sequences: number,
  ) {
    this.count = places;
    this.rankMax = rankMax;
    this.#layers = layers;
    this.#rowCount = (1 + places * rankMax) * layers;
    const widths = sites.flatMap(({ projections }) => projections.map(({ rows, columns }) => rows + columns));
    const lists = sites.length * sequences * rankMax;
    const floats = this.#rowCount * widths.reduce((sum, width) => sum + width, 0);
    this.#memory = new MemoryBlock(lists * 8 + floats * floatBytes);
    this.bytes = this.#memory.bytes;
    const { buffer } = this.#memory;
    this.#lists = sites.map(
      (_, site) => new BigInt64Array(buffer, site * sequences * rankMax * 8, sequences * rankMax),
    );
    let at = lists * 8;
    const next = (length: number): Float32Array => {
      const piece = new Float32Array(buffer, at, length);
      at += length * floatBytes;
      return piece;
    };
    this.#sites = sites.map(({ name, projections }) => ({
      name,
      stacks: projections.map((shape) => ({
        ...shape,
        down: next(this.#rowCount * shape.columns),
        up: next(this.#rowCount * shape.rows),
      })),
    }));
    // Memory that was used before is not zero.
    for (const stack of this.#stacks) this.#clear(stack, 0, layers);
  }

  /** Names of the graph's inputs, in the order of `tensors`. */
  names({ rows, down, up }: AdapterInputNames): string[] {
    return this.#sites.flatMap((site) => [
      rows(site.name),
      ...site.stacks.flatMap(({ name }) => [down(name), up(name)]),
    ]);
  }

  /** Whether every row's adapter is there. */
  knows(rows: readonly StepRow[]): boolean {
    return rows.every(({ adapter = 0 }) => this.#ranks.has(adapter));
  }

  /** What these rows need. */
  ranksOf(rows: readonly StepRow[]): Ranks {
    const places = new Set(rows.map(({ adapter = 0 }) => adapter));
    return this.#sites.map((_, site) => Math.max(...[...places].map((place) => this.#ranks.get(place)?.[site] ?? 0)));
  }

  /** Writes which rows of the stacks each sequence takes. */
  fill(rows: readonly StepRow[], ranks: Ranks): void {
    this.#lists.forEach((list, site) => {
      const rank = ranks[site] ?? 0;
      rows.forEach(({ adapter = 0 }, index) => {
        const own = this.#ranks.get(adapter)?.[site] ?? 0;
        for (let at = 0; at < rank; at += 1)
          list[index * rank + at] = BigInt(at < own ? this.#rowOf(adapter, at, 0) : 0);
      });
    });
  }

  /** For each site the rows that are taken, and its stacks. Where nothing is taken, one list does for all sequences. */
  tensors(sequences: number, ranks: Ranks): Tensor[] {
    return this.#sites.flatMap(({ stacks }, site) => {
      const rank = ranks[site] ?? 0;
      return [
        new Tensor(this.#addressOf(this.#lists[site]), [rank === 0 ? 1 : sequences, rank], 'int64'),
        ...stacks.flatMap(({ rows, columns, down, up }) => [
          new Tensor(this.#addressOf(down), [this.#rowCount, columns], 'float32'),
          new Tensor(this.#addressOf(up), [this.#rowCount, rows], 'float32'),
        ]),
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
    this.#ranks.delete(place);
    const ranks = this.#sites.map(() => 0);
    const written = new Map(this.#stacks.map((stack) => [stack, Array.from({ length: this.#layers }, () => 0)]));
    for (const matrix of matrices) {
      await this.#turn();
      const { projection, layer, rank } = matrix;
      const site = this.#sites.findIndex(({ stacks }) => stacks.some(({ name }) => name === projection));
      const stack = this.#stacks.find(({ name }) => name === projection);
      this.#put(this.#fitting(stack, matrix), place, matrix);
      const own = stack && written.get(stack);
      if (own) own[layer] = rank;
      ranks[site] = Math.max(ranks[site] ?? 0, rank);
    }
    await this.#clearRest(place, ranks, written);
    this.#ranks.set(place, ranks);
  }

  /** What is read of layers and projections that an adapter does not change, or changes by less than others of its site. */
  async #clearRest(place: number, ranks: Ranks, written: ReadonlyMap<Stack, readonly number[]>): Promise<void> {
    for (const [site, { stacks }] of this.#sites.entries()) {
      for (const stack of stacks) {
        await this.#turn();
        for (const [layer, rank] of (written.get(stack) ?? []).entries())
          for (let at = rank; at < (ranks[site] ?? 0); at += 1) this.#clear(stack, this.#rowOf(place, at, layer), 1);
      }
    }
  }

  #rowOf(place: number, rank: number, layer: number): number {
    return (1 + (place - 1) * this.rankMax + rank) * this.#layers + layer;
  }

  #clear({ rows, columns, down, up }: Stack, row: number, count: number): void {
    down.fill(0, row * columns, (row + count) * columns);
    up.fill(0, row * rows, (row + count) * rows);
  }

  #fitting(stack: Stack | undefined, { layer, rank, down, up }: AdapterMatrix): Stack {
    const fits =
      stack !== undefined &&
      layer < this.#layers &&
      rank <= this.rankMax &&
      down.length === rank * stack.columns &&
      up.length === rank * stack.rows;
    if (fits) return stack;
    throw new FleetError('engine_failed', 'A matrix of an adapter does not fit the model.');
  }

  #put({ rows, columns, ...stack }: Stack, place: number, { layer, rank, down, up }: AdapterMatrix): void {
    for (let at = 0; at < rank; at += 1) {
      const to = this.#rowOf(place, at, layer);
      stack.down.set(down.subarray(at * columns, (at + 1) * columns), to * columns);
      // Transposed: what is multiplied by one number lies side by side.
      for (let row = 0; row < rows; row += 1) stack.up[to * rows + row] = up[row * rank + at] ?? 0;
    }
  }

  get #stacks(): Stack[] {
    return this.#sites.flatMap(({ stacks }) => stacks);
  }

  async #turn(): Promise<void> {
    await setImmediate();
    if (this.#released) throw new FleetError('engine_failed', 'The model has been released.');
  }

  #addressOf(view: { byteOffset: number } | undefined): bigint {
    return this.#memory.address + BigInt(view?.byteOffset ?? 0);
  }
}
