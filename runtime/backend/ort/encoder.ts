import { FleetError } from '@qwenfleet/core/errors';
import type { Encoder } from '../backend.ts';
import { MemoryBlock, trimMemory } from './memory.ts';
import { openedSession, weightsBytes } from './opened.ts';
import { NameArray, Tensor, type Feeds, type PrepackedWeights, type Session } from './session.ts';

export type EncoderShape = { hiddenSize: number; contextLength: number; vocabularySize: number };
/** Models that turn positions into angles themselves are not told them. */
export type EncoderNames = { tokens: string; positions?: string; embedding: string };

/** An encoder that takes one input at a time: without padding, a text's vector does not depend on its neighbours. */
export class OrtEncoder implements Encoder {
  readonly kind = 'encoder';
  readonly dimensions: number;
  readonly tokensMax: number;
  readonly memoryBytes: number;
  readonly #vocabularySize: number;
  readonly #session: Session;
  readonly #weights: PrepackedWeights;
  readonly #memory: MemoryBlock;
  readonly #inputNames: NameArray;
  readonly #outputNames: NameArray;
  /** Fields, because a run reads them while nothing else would keep them. */
  readonly #feeds: Feeds;
  #released = false;
  /** Runs share the memory above, so they wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    session: Session,
    weights: PrepackedWeights,
    shape: EncoderShape,
    names: EncoderNames,
    memory: { own: MemoryBlock; weightsBytes: number },
  ) {
    this.#session = session;
    this.#weights = weights;
    this.dimensions = shape.hiddenSize;
    this.tokensMax = shape.contextLength;
    this.#vocabularySize = shape.vocabularySize;
    this.#memory = memory.own;
    this.memoryBytes = memory.weightsBytes + memory.own.bytes;
    this.#feeds = { inputs: new BigUint64Array(names.positions === undefined ? 1 : 2), outputs: new BigUint64Array(1) };
    this.#inputNames = new NameArray([names.tokens, ...(names.positions === undefined ? [] : [names.positions])]);
    this.#outputNames = new NameArray([names.embedding]);
  }

  /** Throws `invalid_model` when ONNX Runtime refuses the graph, `engine_failed` when there is no memory. */
  static async open(graphFile: string, shape: EncoderShape, names: EncoderNames, threads: number): Promise<OrtEncoder> {
    return openedSession(graphFile, threads, (session, weights) => {
      const own = new MemoryBlock(shape.contextLength * 16 + shape.hiddenSize * 4);
      return new OrtEncoder(session, weights, shape, names, { own, weightsBytes: weightsBytes(graphFile) });
    });
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
    if (this.#released) return;
    this.#released = true;
    await this.#turn;
    await this.#session.release();
    this.#weights.release();
    this.#memory.free();
    this.#inputNames.free();
    this.#outputNames.free();
    await trimMemory();
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
    if (this.#released) throw new FleetError('engine_failed', 'The model has been released.');
    if (!tokens.every((token) => Number.isInteger(token) && token >= 0 && token < this.#vocabularySize))
      throw new FleetError('engine_failed', 'An input holds a token that the model does not have.');
    const { buffer, address } = this.#memory;
    const placesAt = this.tokensMax * 8;
    const vectorAt = this.tokensMax * 16;
    new BigInt64Array(buffer, 0, length).set(tokens.map(BigInt));
    new BigInt64Array(buffer, placesAt, length).set(tokens.map((_, index) => BigInt(index)));
    const tensors: Tensor[] = [];
    try {
      tensors.push(new Tensor(address, [length], 'int64'));
      tensors.push(new Tensor(address + BigInt(placesAt), [length], 'int64'));
      tensors.push(new Tensor(address + BigInt(vectorAt), [this.dimensions], 'float32'));
      this.#feeds.inputs.set(tensors.slice(0, this.#feeds.inputs.length).map((tensor) => tensor.address));
      this.#feeds.outputs.set(tensors.slice(2).map((tensor) => tensor.address));
      await this.#session.run(this.#inputNames, this.#outputNames, this.#feeds);
      return new Float32Array(buffer, vectorAt, this.dimensions).slice();
    } finally {
      for (const tensor of tensors) tensor.release();
    }
  }
}
