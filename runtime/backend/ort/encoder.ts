import { FleetError } from '@qwenfleet/core/errors';
import type { Encoder } from '../backend.ts';
import { MemoryBlock, trimMemory } from './memory.ts';
import { PrepackedWeights, Session, Tensor, nameArray, type NameArray } from './session.ts';

export type EncoderShape = { hiddenSize: number; contextLength: number };
export type EncoderNames = { tokens: string; positions: string; embedding: string };

/** An encoder that takes one input at a time: without padding, a text's vector does not depend on its neighbours. */
export class OrtEncoder implements Encoder {
  readonly kind = 'encoder';
  readonly dimensions: number;
  readonly tokensMax: number;
  readonly #session: Session;
  readonly #weights: PrepackedWeights;
  readonly #memory: MemoryBlock;
  readonly #inputNames: NameArray;
  readonly #outputNames: NameArray;
  /** Runs share the memory above, so they wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(session: Session, weights: PrepackedWeights, shape: EncoderShape, names: EncoderNames) {
    this.#session = session;
    this.#weights = weights;
    this.dimensions = shape.hiddenSize;
    this.tokensMax = shape.contextLength;
    this.#memory = new MemoryBlock(this.tokensMax * 16 + this.dimensions * 4);
    this.#inputNames = nameArray([names.tokens, names.positions]);
    this.#outputNames = nameArray([names.embedding]);
  }

  static async open(graphFile: string, shape: EncoderShape, names: EncoderNames, threads: number): Promise<OrtEncoder> {
    const weights = new PrepackedWeights();
    return new OrtEncoder(await Session.open(graphFile, threads, weights), weights, shape, names);
  }

  encode(inputs: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const turn = this.#turn.then(async () => {
      const vectors: Float32Array[] = [];
      for (const tokens of inputs) vectors.push(await this.#one(tokens));
      return vectors;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async release(): Promise<void> {
    await this.#turn;
    await this.#session.release();
    this.#weights.release();
    this.#memory.free();
    trimMemory();
  }

  async #one(tokens: readonly number[]): Promise<Float32Array> {
    const { length } = tokens;
    if (length === 0 || length > this.tokensMax) {
      throw new FleetError(
        'context_length_exceeded',
        `The input has ${length} tokens; this model takes 1 to ${this.tokensMax}.`,
        { param: 'input' },
      );
    }
    const { buffer, address } = this.#memory;
    const placesAt = this.tokensMax * 8;
    const vectorAt = this.tokensMax * 16;
    new BigInt64Array(buffer, 0, length).set(tokens.map(BigInt));
    new BigInt64Array(buffer, placesAt, length).set(tokens.map((_, index) => BigInt(index)));
    const tensors = [
      new Tensor(address, [length], 'int64'),
      new Tensor(address + BigInt(placesAt), [length], 'int64'),
      new Tensor(address + BigInt(vectorAt), [this.dimensions], 'float32'),
    ];
    const [ids, places, vector] = tensors.map((tensor) => tensor.address);
    try {
      const feeds = { inputs: BigUint64Array.of(ids ?? 0n, places ?? 0n), outputs: BigUint64Array.of(vector ?? 0n) };
      await this.#session.run(this.#inputNames, this.#outputNames, feeds);
    } finally {
      for (const tensor of tensors) tensor.release();
    }
    return new Float32Array(buffer, vectorAt, this.dimensions).slice();
  }
}
