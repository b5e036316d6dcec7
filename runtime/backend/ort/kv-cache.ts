import { FleetError } from '@qwenfleet/core/errors';
import type { KvCacheDtype } from '@qwenfleet/core/fleet/runtime-config';
import { MemoryBlock } from './memory.ts';
import { elementBytes, Tensor } from './session.ts';

/** Of a decoder: layers, heads of keys and of values, and the size of one. */
export type KvShape = { layers: number; keyValueHeads: number; headSize: number };

/** What the graph calls a layer's cache before and after a step, and the scales of one in int8. */
export type KvNames = Record<
  'pastKey' | 'pastValue' | 'presentKey' | 'presentValue' | 'keyScale' | 'valueScale',
  (layer: number) => string
>;

/** With an outlier at its largest, this is what a channel in int8 holds. */
export const stepsMax = 127;

/**
 * The keys and values of all slots, which ONNX Runtime reads and writes in place: past and present are the same memory, so
 * a step copies nothing, however long the context is.
 *
 * Layout: for each layer first the plane of the keys, then that of the values, `[slots, keyValueHeads, slotTokens,
 * headSize]`. In int8 a value is its scale times -127 to 127, and each channel of a head has a scale.
 */
export class KvCache {
  readonly dtype: KvCacheDtype;
  readonly #shape: KvShape;
  readonly #slots: number;
  readonly #slotTokens: number;
  readonly #values: MemoryBlock;
  readonly #scales: MemoryBlock | undefined;

  /** Throws `engine_failed` when there is no memory for it. */
  constructor(shape: KvShape, slots: number, slotTokens: number, dtype: KvCacheDtype) {
    this.dtype = dtype;
    this.#shape = shape;
    this.#slots = slots;
    this.#slotTokens = slotTokens;
    const planes = 2 * shape.layers;
    this.#values = new MemoryBlock(planes * this.#planeBytes);
    try {
      const bytes = planes * this.#channels * elementBytes.float32;
      this.#scales = dtype === 'int8' ? new MemoryBlock(bytes) : undefined;
    } catch (error) {
      this.#values.free();
      throw error;
    }
  }

  get bytes(): number {
    return this.#values.bytes + (this.#scales?.bytes ?? 0);
  }

  /** float32 [planes, keyValueHeads, headSize]; empty where there are none. What is written here counts from the next step on. */
  get scales(): Float32Array {
    const length = this.#scales ? 2 * this.#shape.layers * this.#channels : 0;
    return new Float32Array(this.#scales?.buffer ?? new ArrayBuffer(0), 0, length);
  }

  /** The graph's inputs, and its outputs, in the order of `tensors`. */
  names(names: KvNames): { inputs: string[]; outputs: string[] } {
    const ofLayers = (...each: ((layer: number) => string)[]): string[] =>
      Array.from({ length: this.#shape.layers }, (_, layer) => each.map((name) => name(layer))).flat();
    const scales = this.#scales ? ofLayers(names.keyScale, names.valueScale) : [];
    return {
      inputs: [...ofLayers(names.pastKey, names.pastValue), ...scales],
      outputs: ofLayers(names.presentKey, names.presentValue),
    };
  }

  /** Over adjacent slots. What is read and written, and the scales, which are only read. */
  tensors(firstSlot: number, slots: number): { values: Tensor[]; scales: Tensor[] } {
    const { keyValueHeads, headSize } = this.#shape;
    const first = firstSlot * (this.#planeBytes / this.#slots);
    const planes = Array.from({ length: 2 * this.#shape.layers }, (_, plane) => plane);
    const shape = [slots, keyValueHeads, this.#slotTokens, headSize];
    const values = planes.map((plane) => {
      const at = this.#values.address + BigInt(plane * this.#planeBytes + first);
      return new Tensor(at, shape, this.dtype);
    });
    const scales = this.#scales;
    if (!scales) return { values, scales: [] };
    const bytes = this.#channels * elementBytes.float32;
    const ofPlane = (plane: number): Tensor =>
      new Tensor(scales.address + BigInt(plane * bytes), [keyValueHeads, 1, headSize], 'float32');
    return { values, scales: planes.map(ofPlane) };
  }

  /** Copies the first tokens of one slot over another. Throws `engine_failed` for what does not fit. */
  copySlot(from: number, to: number, tokens: number): void {
    this.#eachHead(from, to, tokens, (source, target) => target.set(source));
  }

  /** Exchanges the first tokens of two slots. Throws `engine_failed` for what does not fit. */
  swapSlots(one: number, other: number, tokens: number): void {
    this.#eachHead(one, other, tokens, (first, second) => {
      const kept = first.slice();
      first.set(second);
      second.set(kept);
    });
  }

  /** The rows of the first tokens in both slots, for each head of each plane. */
  #eachHead(from: number, to: number, tokens: number, act: (source: Uint8Array, target: Uint8Array) => void): void {
    const slots = [from, to].every((slot) => Number.isInteger(slot) && slot >= 0 && slot < this.#slots);
    if (!slots || !(tokens >= 0 && tokens <= this.#slotTokens))
      throw new FleetError('engine_failed', 'A copy was asked for that does not fit the cache.');
    const head = this.#slotTokens * this.#rowBytes;
    const slot = this.#shape.keyValueHeads * head;
    for (let plane = 0; plane < 2 * this.#shape.layers; plane += 1) {
      for (let index = 0; index < this.#shape.keyValueHeads; index += 1) {
        const at = plane * this.#planeBytes + index * head;
        const rows = (of: number): Uint8Array =>
          new Uint8Array(this.#values.buffer, at + of * slot, tokens * this.#rowBytes);
        act(rows(from), rows(to));
      }
    }
  }

  /** Of a cache in int8: the most steps, 0 to 127, that any of the first tokens of slot 0 has in each channel, in the order of `scales`. */
  largestSteps(tokens: number): Uint8Array {
    const { layers, keyValueHeads, headSize } = this.#shape;
    const largest = new Uint8Array(2 * layers * this.#channels);
    for (let plane = 0; plane < 2 * layers; plane += 1) {
      for (let head = 0; head < keyValueHeads; head += 1) {
        const start = plane * this.#planeBytes + head * this.#slotTokens * headSize;
        const rows = new Int8Array(this.#values.buffer, start, tokens * headSize);
        const channel = plane * this.#channels + head * headSize;
        rows.forEach((value, at) => {
          const steps = Math.min(stepsMax, Math.abs(value));
          if (steps > (largest[channel + (at % headSize)] ?? 0)) largest[channel + (at % headSize)] = steps;
        });
      }
    }
    return largest;
  }

  free(): void {
    this.#values.free();
    this.#scales?.free();
  }

  /** Of keys, or of values, of one layer. */
  get #channels(): number {
    return this.#shape.keyValueHeads * this.#shape.headSize;
  }

  get #rowBytes(): number {
    return this.#shape.headSize * elementBytes[this.dtype];
  }

  get #planeBytes(): number {
    return this.#slots * this.#shape.keyValueHeads * this.#slotTokens * this.#rowBytes;
  }
}
