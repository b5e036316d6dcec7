import { FleetError } from '@qwenfleet/core/errors';
import type { Generator, LoadOptions, Step } from '../backend.ts';
import { AdapterStacks, type AdapterInputNames, type AdapterShape } from './adapter-stacks.ts';
import { MemoryBlock, trimMemory } from './memory.ts';
import { openedSession, weightsBytes } from './opened.ts';
import { NameArray, Tensor, type Feeds, type PrepackedWeights, type Session } from './session.ts';

/** A decoder's dimensions, as far as its cache and its ends need them. */
export type DecoderShape = {
  layers: number;
  keyValueHeads: number;
  headSize: number;
  vocabularySize: number;
  /** What adapters may change. */
  sites?: AdapterShape['sites'];
};

/** What the graph calls its ends; shapes are in the graph builder's table of the same fields. */
export type DecoderNames = {
  tokens: string;
  lengths: string;
  longest: string;
  wanted: string;
  logits: string;
  pastKey: (layer: number) => string;
  pastValue: (layer: number) => string;
  presentKey: (layer: number) => string;
  presentValue: (layer: number) => string;
  adapters: AdapterInputNames;
};

/** Tokens that one run may carry; a longer prefill is cut into chunks by the scheduler. */
export const stepTokensMax = 4096;

const floatBytes = 4;

/** Shapes that have been bound already; decode shapes are few, prefill chunks vary. */
const feedsMax = 512;

type BoundFeeds = Feeds & { tensors: Tensor[] };

/**
 * A decoder over a static KV cache that ONNX Runtime reads and writes in place: past and present are the same memory,
 * so a step copies nothing, however long the context is.
 *
 * Layout of the cache: for each layer first the keys, then the values, `[slots, keyValueHeads, slotTokens, headSize]`.
 */
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
  readonly #cache: MemoryBlock;
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
    try {
      [this.#cache, this.#logits, this.#inputMemory] = allocated([
        2 * shape.layers * this.#plane(),
        this.#logitsMax * shape.vocabularySize * floatBytes,
        StepInputs.bytes(this.#logitsMax),
      ]);
    } catch (error) {
      this.adapters?.free();
      throw error;
    }
    this.#inputs = new StepInputs(this.#inputMemory, this.#logitsMax);
    const adapterBytes = this.adapters?.bytes ?? 0;
    this.memoryBytes = weightsBytes(graphFile) + this.#cache.bytes + this.#logits.bytes + adapterBytes;
    const layers = Array.from({ length: shape.layers }, (_, layer) => layer);
    const past = layers.flatMap((layer) => [names.pastKey(layer), names.pastValue(layer)]);
    const present = layers.flatMap((layer) => [names.presentKey(layer), names.presentValue(layer)]);
    const adapters = this.adapters?.names(names.adapters) ?? [];
    this.#inputNames = new NameArray([names.tokens, names.lengths, names.longest, names.wanted, ...past, ...adapters]);
    this.#outputNames = new NameArray([names.logits, ...present]);
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
    this.#eachHead(from, to, tokens, (source, target) => target.set(source));
  }

  swapSlots(one: number, other: number, tokens: number): void {
    this.#eachHead(one, other, tokens, (first, second) => {
      const kept = first.slice();
      first.set(second);
      second.set(kept);
    });
  }

  /** The rows of the first tokens in both slots, for each head of each plane. */
  #eachHead(from: number, to: number, tokens: number, act: (source: Uint8Array, target: Uint8Array) => void): void {
    const slots = [from, to].every((slot) => Number.isInteger(slot) && slot >= 0 && slot < this.slots);
    if (this.#released || !slots || !(tokens >= 0 && tokens <= this.slotTokens))
      throw new FleetError('engine_failed', 'A copy was asked for that does not fit the cache.');
    const { keyValueHeads, headSize, layers } = this.#shape;
    const head = this.slotTokens * headSize * floatBytes;
    const slot = keyValueHeads * head;
    const length = tokens * headSize * floatBytes;
    for (let plane = 0; plane < 2 * layers; plane += 1) {
      for (let index = 0; index < keyValueHeads; index += 1) {
        const at = plane * this.#plane() + index * head;
        const rows = (of: number): Uint8Array => new Uint8Array(this.#cache.buffer, at + of * slot, length);
        act(rows(from), rows(to));
      }
    }
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

  /** Bytes of one layer's keys, or of its values. */
  #plane(): number {
    return this.slots * this.#shape.keyValueHeads * this.slotTokens * this.#shape.headSize * floatBytes;
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
    const { keyValueHeads, headSize, layers, vocabularySize } = this.#shape;
    const slotBytes = keyValueHeads * this.slotTokens * headSize * floatBytes;
    const cache = Array.from({ length: 2 * layers }, (_, plane) => {
      const at = this.#cache.address + BigInt(plane * this.#plane() + firstSlot * slotBytes);
      return new Tensor(at, [sequences, keyValueHeads, this.slotTokens, headSize], 'float32');
    });
    const inputs = this.#inputs.tensors(sequences, width, wanted);
    const adapters = this.adapters?.tensors(sequences, ranks) ?? [];
    const logits = new Tensor(this.#logits.address, [wanted, vocabularySize], 'float32');
    const feeds: BoundFeeds = {
      inputs: BigUint64Array.from([...inputs, ...cache, ...adapters], (tensor) => tensor.address),
      outputs: BigUint64Array.from([logits, ...cache], (tensor) => tensor.address),
      tensors: [...inputs, ...cache, ...adapters, logits],
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
