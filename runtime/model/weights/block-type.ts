/**
 * How weights are stored, by GGUF's type number. Layouts are those of ggml-common.h (llama.cpp): `valuesPerBlock` values
 * in `bytesPerBlock` bytes, decoded to float32.
 */
export type BlockType = {
  name: string;
  valuesPerBlock: number;
  bytesPerBlock: number;
  /** Writes `valuesPerBlock` values for each whole block of `bytes` to `values`. */
  decode: (bytes: Uint8Array, values: Float32Array) => void;
};

const half = new Float32Array(1 << 16).map((_, bits) => halfToFloat(bits));

/** IEEE 754 binary16 to float32. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The float16 at a byte offset. */
export const float16At = (bytes: Uint8Array, at: number): number =>
  half[(bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)] ?? NaN;

const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
const signed = (value: number): number => (value << 24) >> 24;

function eachBlock(
  type: { valuesPerBlock: number; bytesPerBlock: number },
  bytes: Uint8Array,
  decode: (at: number, out: number) => void,
): void {
  const blocks = Math.floor(bytes.length / type.bytesPerBlock);
  for (let block = 0; block < blocks; block += 1) decode(block * type.bytesPerBlock, block * type.valuesPerBlock);
}

export const float32: BlockType = {
  name: 'F32',
  valuesPerBlock: 1,
  bytesPerBlock: 4,
  decode(bytes, values) {
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(bytes.subarray(0, values.byteLength));
  },
};

const float16: BlockType = {
  name: 'F16',
  valuesPerBlock: 1,
  bytesPerBlock: 2,
  decode(bytes, values) {
    for (let index = 0; index < values.length; index += 1) values[index] = float16At(bytes, index * 2);
  },
};

const bfloat16: BlockType = {
  name: 'BF16',
  valuesPerBlock: 1,
  bytesPerBlock: 2,
  decode(bytes, values) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let index = 0; index < bits.length; index += 1) {
      bits[index] = ((byte(bytes, index * 2) | (byte(bytes, index * 2 + 1) << 8)) << 16) >>> 0;
    }
  },
};

/** Words of packed weights, and indices. */
export const int32: BlockType = {
  name: 'I32',
  valuesPerBlock: 1,
  bytesPerBlock: 4,
  decode(bytes, values) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let index = 0; index < values.length; index += 1) values[index] = view.getInt32(index * 4, true);
  },
};

/** d, then 32 signed bytes: d * q. */
const q8Zero: BlockType = {
  name: 'Q8_0',
  valuesPerBlock: 32,
  bytesPerBlock: 34,
  decode(bytes, values) {
    eachBlock(this, bytes, (at, out) => {
      const scale = float16At(bytes, at);
      for (let index = 0; index < 32; index += 1) values[out + index] = scale * signed(byte(bytes, at + 2 + index));
    });
  },
};

/** d, then 16 bytes: the low nibbles are values 0 to 15, the high ones 16 to 31; d * (q - 8). */
const q4Zero: BlockType = {
  name: 'Q4_0',
  valuesPerBlock: 32,
  bytesPerBlock: 18,
  decode(bytes, values) {
    eachBlock(this, bytes, (at, out) => {
      const scale = float16At(bytes, at);
      for (let index = 0; index < 16; index += 1) {
        const pair = byte(bytes, at + 2 + index);
        values[out + index] = scale * ((pair & 15) - 8);
        values[out + index + 16] = scale * ((pair >> 4) - 8);
      }
    });
  },
};

/** d and m, then nibbles as in Q4_0: d * q + m. */
const q4One: BlockType = {
  name: 'Q4_1',
  valuesPerBlock: 32,
  bytesPerBlock: 20,
  decode(bytes, values) {
    eachBlock(this, bytes, (at, out) => {
      const scale = float16At(bytes, at);
      const minimum = float16At(bytes, at + 2);
      for (let index = 0; index < 16; index += 1) {
        const pair = byte(bytes, at + 4 + index);
        values[out + index] = scale * (pair & 15) + minimum;
        values[out + index + 16] = scale * (pair >> 4) + minimum;
      }
    });
  },
};

/** Scale and minimum of sub-block `index` of eight, six bits each, packed into twelve bytes at `at`. */
function q4KScale(bytes: Uint8Array, at: number, index: number): [scale: number, minimum: number] {
  if (index < 4) return [byte(bytes, at + index) & 63, byte(bytes, at + index + 4) & 63];
  const low = byte(bytes, at + index + 4);
  return [(low & 15) | ((byte(bytes, at + index - 4) >> 6) << 4), (low >> 4) | ((byte(bytes, at + index) >> 6) << 4)];
}

/** d, dmin, twelve bytes of scales, 128 bytes of nibbles: eight sub-blocks of 32, d * scale * q - dmin * minimum. */
const q4K: BlockType = {
  name: 'Q4_K',
  valuesPerBlock: 256,
  bytesPerBlock: 144,
  decode(bytes, values) {
    eachBlock(this, bytes, (at, out) => {
      const scale = float16At(bytes, at);
      const minimum = float16At(bytes, at + 2);
      for (let sub = 0; sub < 8; sub += 1) {
        const [factor, offset] = q4KScale(bytes, at + 4, sub);
        const nibbles = at + 16 + (sub >> 1) * 32;
        for (let index = 0; index < 32; index += 1) {
          const pair = byte(bytes, nibbles + index);
          const value = sub & 1 ? pair >> 4 : pair & 15;
          values[out + sub * 32 + index] = scale * factor * value - minimum * offset;
        }
      }
    });
  },
};

/** 128 bytes of low nibbles, 64 of high bit pairs, sixteen signed scales, d: d * scale * (q - 32). */
const q6K: BlockType = {
  name: 'Q6_K',
  valuesPerBlock: 256,
  bytesPerBlock: 210,
  decode(bytes, values) {
    eachBlock(this, bytes, (at, out) => {
      const scale = float16At(bytes, at + 208);
      for (let index = 0; index < 256; index += 1) {
        const [side, inSide] = [index >> 7, index & 127];
        const [quarter, lane] = [inSide >> 5, inSide & 31];
        const low = byte(bytes, at + side * 64 + (quarter & 1) * 32 + lane);
        const high = byte(bytes, at + 128 + side * 32 + lane);
        const value = (quarter < 2 ? low & 15 : low >> 4) | (((high >> (quarter * 2)) & 3) << 4);
        const factor = signed(byte(bytes, at + 192 + side * 8 + quarter * 2 + (lane >> 4)));
        values[out + index] = scale * factor * (value - 32);
      }
    });
  },
};

/** By the type number in a GGUF file. */
export const ggufTypes: ReadonlyMap<number, BlockType> = new Map([
  [0, float32],
  [1, float16],
  [2, q4Zero],
  [3, q4One],
  [8, q8Zero],
  [12, q4K],
  [14, q6K],
  [30, bfloat16],
]);

/** By the `dtype` word in a safetensors header. */
export const safetensorsTypes: ReadonlyMap<string, BlockType> = new Map([
  ['F32', float32],
  ['F16', float16],
  ['BF16', bfloat16],
]);

/** Of packed weights too. */
export const packedTypes: ReadonlyMap<string, BlockType> = new Map([...safetensorsTypes, ['I32', int32]]);
