import { FleetError } from '@qwenfleet/core/errors';
import type { Generator, LoadOptions, Step } from '../backend.ts';
import { AdapterStacks, type AdapterInputNames, type AdapterShape } from './adapter-stacks.ts';
import { MemoryBlock, trimMemory } from './memory.ts';
import { openedSession, weightsBytes } from './opened.ts';
import { KvCache, type KvNames, type KvShape } from './kv-cache.ts';
import { findScales } from './kv-scales.ts';
import { elementBytes, NameArray, Tensor, type Feeds, type PrepackedWeights, type Session } from './session.ts';

/** A decoder's dimensions, as far as its cache and its ends need them. */
export type DecoderShape = KvShape & {
  vocabularySize: number;
  /** What adapters may change. */
  sites?: AdapterShape['sites'];
};

/** What the graph calls its ends; shapes are in the graph builder's table of the same fields. */
export type DecoderNames = KvNames & {
  tokens: string;
  lengths: string;
  longest: string;
  wanted: string;
  logits: string;
  adapters: AdapterInputNames;
};

/** Tokens that one run may carry; a longer prefill is cut into chunks by the scheduler. */
export const stepTokensMax = 4096;

/** Shapes that have been bound already; decode shapes are few, prefill chunks vary. */
const feedsMax = 512;

type BoundFeeds = Feeds & { tensors: Tensor[] };

/** A decoder over a static KV cache. */
export class OrtGenerator implements Generator {
  readonly kind = 'generator';
  readonly vocabularySize: number;
  readonly slots: number;
  readonly slotTokens: number;
  readonly memoryBytes: number;
  readonly adapters: AdapterStacks | undefined;
  readonly #shape: DecoderShape;
  /** Rows of logits of one step. */
  readonly #logitsMax: number;
  readonly #session: Session;
  readonly #weights: PrepackedWeights;
  readonly #cache: KvCache;
  readonly #logits: MemoryBlock;
  readonly #inputMemory: MemoryBlock;
  readonly #inputs: StepInputs;
  readonly #inputNames: NameArray;
  readonly #outputNames: NameArray;
  readonly #feeds = new Map<string, BoundFeeds>();
  #running: Promise<unknown> = Promise.resolve();
  #released = false;

  private constructor(
    { session, weights, graphFile }: { session: Session; weights: PrepackedWeights; graphFile: string },
    { shape, names }: { shape: DecoderShape; names: DecoderNames },
    options: LoadOptions,
  ) {
    this.#session = session;
    this.#weights = weights;
    this.#shape = shape;
    this.slots = options.slots;
    this.slotTokens = options.slotTokens;
    this.#logitsMax = Math.max(options.slots, 1 + (options.draftTokensMax ?? 0));
    this.vocabularySize = shape.vocabularySize;
    this.adapters = options.adapters && new AdapterStacks({ sites: [], ...shape }, options.adapters, options.slots);
    const { slots, slotTokens, kvCacheDtype = 'float32' } = options;
    let cache: KvCache | undefined;
    try {
      this.#cache = cache = new KvCache(shape, slots, slotTokens, kvCacheDtype);
      [this.#logits, this.#inputMemory] = allocated([
        this.#logitsMax * shape.vocabularySize * elementBytes.float32,
        StepInputs.bytes(this.#logitsMax),
      ]);
    } catch (error) {
      cache?.free();
      this.adapters?.free();
      throw error;
    }
    this.#inputs = new StepInputs(this.#inputMemory, this.#logitsMax);
    const adapterBytes = this.adapters?.bytes ?? 0;
    this.memoryBytes = weightsBytes(graphFile) + this.#cache.bytes + this.#logits.bytes + adapterBytes;
    const { inputs, outputs } = this.#cache.names(names);
    const adapters = this.adapters?.names(names.adapters) ?? [];
    const ends = [names.tokens, names.lengths, names.longest, names.wanted];
    this.#inputNames = new NameArray([...ends, ...inputs, ...adapters]);
    this.#outputNames = new NameArray([names.logits, ...outputs]);
  }

  /** Throws `invalid_model` when ONNX Runtime refuses the graph, `engine_failed` when there is no memory for the cache. */
  static async open(
    graphFile: string,
    shape: DecoderShape,
    names: DecoderNames,
    options: LoadOptions,
  ): Promise<OrtGenerator> {
    return openedSession(
      graphFile,
      options.threads,
      (session, weights) => new OrtGenerator({ session, weights, graphFile }, { shape, names }, options),
    );
  }

  async step(step: Step): Promise<Float32Array> {
    if (this.#released) throw new FleetError('engine_failed', 'The model has been released.');
    const { rows } = step;
    const width = rows[0]?.tokens.length ?? 0;
    this.#check(step, width);
    const wanted = rowsWanted(step);
    // A run always computes one row at least: ONNX Runtime has no output of no rows.
    const rowsComputed = Math.max(1, wanted);
    this.#inputs.fill(step, width, rowsComputed);
    const feeds = this.#bind(step, width, rowsComputed);
    const run = this.#session.run(this.#inputNames, this.#outputNames, feeds);
    this.#running = run.catch(() => undefined);
    await run;
    return new Float32Array(this.#logits.buffer, 0, wanted * this.vocabularySize);
  }

  copySlot(from: number, to: number, tokens: number): void {
    this.#assertHere();
    this.#cache.copySlot(from, to, tokens);
  }

  swapSlots(one: number, other: number, tokens: number): void {
    this.#assertHere();
    this.#cache.swapSlots(one, other, tokens);
  }

  #assertHere(): void {
    if (!this.#released) return;
    throw new FleetError('engine_failed', 'A copy was asked for of a model that has been released.');
  }

  /** Of a cache in int8: the scales of its channels, by layer those of the keys, then those of the values. Empty otherwise. */
  get kvScales(): Float32Array {
    return this.#cache.scales;
  }

  /** Finds them, by computing a text several times in slot 0. */
  findKvScales(): Promise<void> {
    return findScales(this.#cache, this.#shape, this.slotTokens, (tokens) =>
      this.step({ firstSlot: 0, rows: [{ tokens, past: 0 }], wantLogits: false }),
    );
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#running;
    await this.adapters?.release();
    for (const feeds of this.#feeds.values()) for (const tensor of feeds.tensors) tensor.release();
    this.#feeds.clear();
    await this.#session.release();
    this.#weights.release();
    for (const held of [this.#cache, this.#logits, this.#inputMemory, this.#inputNames, this.#outputNames]) held.free();
    await trimMemory();
  }

  #check(step: Step, width: number): void {
    const { rows, firstSlot } = step;
    const inside = firstSlot >= 0 && rows.length > 0 && firstSlot + rows.length <= this.slots;
    const even = rows.every(
      ({ tokens, past }) =>
        tokens.length === width && Number.isInteger(past) && past >= 0 && past + width <= this.slotTokens,
    );
    const known = rows.every(({ tokens }) =>
      tokens.every((token) => Number.isInteger(token) && token >= 0 && token < this.vocabularySize),
    );
    const room = step.wantLogits !== 'every' || (rows.length === 1 && width <= this.#logitsMax);
    const shaped = width > 0 && width <= stepTokensMax && (width === 1 || rows.length === 1);
    if (inside && even && known && room && shaped && this.#knowsAdapters(rows)) return;
    throw new FleetError('engine_failed', 'A step was asked for that does not fit the cache.');
  }

  #knowsAdapters(rows: Step['rows']): boolean {
    return this.adapters?.knows(rows) ?? rows.every(({ adapter = 0 }) => adapter === 0);
  }

  /** Tensors over the same memory, kept for each shape; the oldest go when there are too many. */
  #bind({ firstSlot, rows }: Step, width: number, wanted: number): BoundFeeds {
    const sequences = rows.length;
    const ranks = this.adapters?.ranksOf(rows) ?? [];
    this.adapters?.fill(rows, ranks);
    const key = [firstSlot, sequences, width, wanted, ...ranks].join();
    const known = this.#feeds.get(key);
    if (known) return known;
    if (this.#feeds.size >= feedsMax) this.#forgetOldest();
    const cache = this.#cache.tensors(firstSlot, sequences);
    const inputs = this.#inputs.tensors(sequences, width, wanted);
    const adapters = this.adapters?.tensors(sequences, ranks) ?? [];
    const logits = new Tensor(this.#logits.address, [wanted, this.vocabularySize], 'float32');
    const feeds: BoundFeeds = {
      inputs: BigUint64Array.from(
        [...inputs, ...cache.values, ...cache.scales, ...adapters],
        (tensor) => tensor.address,
      ),
      outputs: BigUint64Array.from([logits, ...cache.values], (tensor) => tensor.address),
      tensors: [...inputs, ...cache.values, ...cache.scales, ...adapters, logits],
    };
    this.#feeds.set(key, feeds);
    return feeds;
  }

  #forgetOldest(): void {
    const [oldest] = this.#feeds.keys();
    if (oldest === undefined) return;
    for (const tensor of this.#feeds.get(oldest)?.tensors ?? []) tensor.release();
    this.#feeds.delete(oldest);
  }
}

/** Rows of logits that a step asks for. */
function rowsWanted({ wantLogits, rows }: Step): number {
  if (wantLogits === false) return 0;
  return wantLogits === 'every' ? (rows[0]?.tokens.length ?? 0) : rows.length;
}

/** All of the blocks, or none: what was allocated before one that cannot be is freed. */
function allocated<const T extends readonly number[]>(sizes: T): { [K in keyof T]: MemoryBlock } {
  const blocks: MemoryBlock[] = [];
  try {
    for (const bytes of sizes) blocks.push(new MemoryBlock(bytes));
  } catch (error) {
    for (const block of blocks) block.free();
    throw error;
  }
  // One block for each of the sizes.
  return blocks as { [K in keyof T]: MemoryBlock };
}

/** The small inputs of a step, in one block of native memory. */
class StepInputs {
  readonly #memory: MemoryBlock;
  readonly #tokens: BigInt64Array;
  readonly #lengths: Int32Array;
  readonly #longest: Int32Array;
  readonly #wanted: BigInt64Array;

  static bytes(rows: number): number {
    return (Math.max(stepTokensMax, rows) + rows) * 8 + (rows + 2) * 8;
  }

  /**
   * @param memory at least `bytes(rows)`.
   * @param rows the most sequences of a step, and the most whose logits are wanted.
   */
  constructor(memory: MemoryBlock, rows: number) {
    const tokens = Math.max(stepTokensMax, rows);
    this.#memory = memory;
    const { buffer } = this.#memory;
    this.#tokens = new BigInt64Array(buffer, 0, tokens);
    this.#wanted = new BigInt64Array(buffer, tokens * 8, rows);
    this.#lengths = new Int32Array(buffer, (tokens + rows) * 8, rows);
    this.#longest = new Int32Array(buffer, (tokens + rows) * 8 + Math.ceil(rows / 2) * 8, 1);
  }

  fill(step: Step, width: number, wanted: number): void {
    let longest = 0;
    step.rows.forEach((row, index) => {
      for (let at = 0; at < width; at += 1) this.#tokens[index * width + at] = BigInt(row.tokens[at] ?? 0);
      this.#lengths[index] = row.past + width - 1;
      longest = Math.max(longest, row.past + width);
    });
    this.#longest[0] = longest;
    const every = step.wantLogits === 'every';
    for (let index = 0; index < wanted; index += 1)
      this.#wanted[index] = BigInt(every ? index : (index + 1) * width - 1);
  }

  tensors(sequences: number, width: number, wanted: number): Tensor[] {
    return [
      new Tensor(this.#at(this.#tokens), [sequences, width], 'int64'),
      new Tensor(this.#at(this.#lengths), [sequences], 'int32'),
      new Tensor(this.#at(this.#longest), [], 'int32'),
      new Tensor(this.#at(this.#wanted), [wanted], 'int64'),
    ];
  }

  #at({ byteOffset }: { byteOffset: number }): bigint {
    return this.#memory.address + BigInt(byteOffset);
  }
}
