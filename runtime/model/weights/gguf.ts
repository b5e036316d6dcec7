import { FleetError } from '@qwenfleet/core/errors';
import { ggufTypes } from './block-type.ts';
import {
  Weights,
  assertApart,
  checkRange,
  openedFiles,
  readExactly,
  tensorBytes,
  tensorsMax,
  type OpenedFile,
  type TensorEntry,
} from './weights.ts';

export type GgufFile = { metadata: ReadonlyMap<string, unknown>; weights: Weights };

const magic = 0x46554747;
const versions = [2, 3];
const keysMax = 10_000;
const arrayLengthMax = 4_000_000;
/** In all lists together: four times what the largest vocabularies have in tokens, merges, types and scores. */
const elementsMax = 8_000_000;
const stringBytesMax = 16 * 1024 * 1024;
/** Metadata grows with the vocabulary; a header beyond this is not one. */
const headerBytesMax = 256 * 1024 * 1024;
const windowBytes = 4 * 1024 * 1024;

/**
 * Reads a GGUF file's key-values and tensor table (format: ggml's gguf.md, versions 2 and 3, little-endian).
 * Our own reader, because the library's is made for remote files and reads the header in growing requests.
 * Throws `invalid_model` for a file that is truncated or no GGUF, `unsupported_model` for types that we do not read.
 */
export function openGguf(path: string): GgufFile {
  return openedFiles([path], ([opened]) => {
    if (!opened) throw new RangeError('one file was opened');
    return read(opened);
  });
}

function read({ file, bytes }: OpenedFile): GgufFile {
  const reader = new HeaderReader(file, bytes);
  if (bytes < 24 || reader.uint32() !== magic)
    throw new FleetError('invalid_model', 'The file is not a GGUF: it does not begin with "GGUF".');
  const version = reader.uint32();
  if (!versions.includes(version))
    throw new FleetError(
      'unsupported_model',
      `GGUF version ${version} is not supported; ${versions.join(' and ')} are.`,
    );
  const tensorCount = reader.count('tensors', tensorsMax);
  const metadata = readMetadata(reader, reader.count('keys', keysMax));
  const table: ReturnType<typeof readEntry>[] = [];
  while (table.length < tensorCount) table.push(readEntry(reader));
  const alignment = alignmentOf(metadata);
  const dataStart = Math.ceil(reader.position / alignment) * alignment;
  const tensors = table.map(({ relative, ...entry }): TensorEntry => {
    const offset = dataStart + relative;
    checkRange(entry.name, offset, entry.bytes, bytes);
    if (relative % alignment !== 0)
      throw new FleetError('invalid_model', `Tensor "${entry.name}" is not aligned to ${alignment} bytes.`);
    return { ...entry, file, offset };
  });
  assertApart(tensors);
  return { metadata, weights: new Weights([file], tensors) };
}

function readMetadata(reader: HeaderReader, count: number): Map<string, unknown> {
  const metadata = new Map<string, unknown>();
  for (let index = 0; index < count; index += 1) {
    const key = reader.string();
    if (metadata.has(key))
      throw new FleetError('invalid_model', `The GGUF header has the key "${key}" twice: the file is damaged.`);
    metadata.set(key, reader.value(reader.uint32(), 0));
  }
  return metadata;
}

function alignmentOf(metadata: ReadonlyMap<string, unknown>): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment === 'number' && Number.isSafeInteger(alignment) && alignment >= 1) return alignment;
  throw new FleetError('invalid_model', `general.alignment is ${JSON.stringify(alignment)}; it must be 1 or more.`);
}

function readEntry(reader: HeaderReader): Omit<TensorEntry, 'file' | 'offset'> & { relative: number } {
  const name = reader.string();
  const rank = reader.uint32();
  if (rank > 4)
    throw new FleetError('invalid_model', `Tensor "${name}" has ${rank} dimensions; at most 4 are possible.`);
  // GGUF lists the innermost dimension first.
  const shape = Array.from({ length: rank }, () => reader.uint64()).toReversed();
  const number = reader.uint32();
  const type = ggufTypes.get(number);
  if (!type) {
    const known = [...ggufTypes.values()].map((each) => each.name).join(', ');
    throw new FleetError(
      'unsupported_model',
      `Tensor "${name}" is stored as GGUF type ${number}, which is not supported; these are: ${known}.`,
    );
  }
  const relative = reader.uint64();
  return { name, shape, type, bytes: tensorBytes(name, shape, type), relative };
}

/** Little-endian values from the front of a file, read in windows and bounded. */
class HeaderReader {
  position = 0;
  readonly #file: number;
  readonly #fileBytes: number;
  #window = Buffer.alloc(0);
  #windowStart = 0;
  #elements = 0;

  constructor(file: number, fileBytes: number) {
    this.#file = file;
    this.#fileBytes = fileBytes;
  }

  uint32(): number {
    return this.#take(4).readUInt32LE();
  }

  uint64(): number {
    const value = this.#take(8).readBigUInt64LE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new FleetError(
        'invalid_model',
        `The GGUF header holds the number ${value}, which cannot be: the file is damaged.`,
      );
    return Number(value);
  }

  count(what: string, max: number): number {
    const value = this.uint64();
    if (value > max)
      throw new FleetError(
        'invalid_model',
        `The GGUF header announces ${value} ${what}; at most ${max} are read. The file is damaged.`,
      );
    return value;
  }

  string(): string {
    return this.#take(this.count('bytes of text', stringBytesMax)).toString('utf8');
  }

  value(type: number, depth: number): unknown {
    switch (type) {
      case 0:
        return this.#take(1).readUInt8();
      case 1:
        return this.#take(1).readInt8();
      case 2:
        return this.#take(2).readUInt16LE();
      case 3:
        return this.#take(2).readInt16LE();
      case 4:
        return this.uint32();
      case 5:
        return this.#take(4).readInt32LE();
      case 6:
        return this.#take(4).readFloatLE();
      case 7:
        return this.#take(1).readUInt8() !== 0;
      case 8:
        return this.string();
      case 9:
        return this.#array(depth);
      case 10:
        return this.uint64();
      case 11:
        return Number(this.#take(8).readBigInt64LE());
      case 12:
        return this.#take(8).readDoubleLE();
      default:
        throw new FleetError(
          'invalid_model',
          `The GGUF header holds a value of unknown type ${type}: the file is damaged.`,
        );
    }
  }

  #array(depth: number): unknown[] {
    if (depth > 2)
      throw new FleetError('invalid_model', 'The GGUF header nests arrays too deeply: the file is damaged.');
    const type = this.uint32();
    const length = this.count('array elements', arrayLengthMax);
    this.#elements += length;
    if (this.#elements > elementsMax)
      throw new FleetError('invalid_model', `The GGUF header has more than ${elementsMax} list elements.`);
    // One by one: a list that is announced and not there must not be made room for.
    const values: unknown[] = [];
    while (values.length < length) values.push(this.value(type, depth + 1));
    return values;
  }

  #take(bytes: number): Buffer {
    if (this.position + bytes > Math.min(this.#fileBytes, headerBytesMax)) {
      throw new FleetError(
        'invalid_model',
        'The GGUF header is truncated: the file ends before it does. Pull it again.',
      );
    }
    if (this.position < this.#windowStart || this.position + bytes > this.#windowStart + this.#window.length) {
      this.#windowStart = this.position;
      this.#window = Buffer.alloc(Math.min(Math.max(bytes, windowBytes), this.#fileBytes - this.position));
      readExactly(this.#file, this.#window, this.position);
    }
    const start = this.position - this.#windowStart;
    this.position += bytes;
    return this.#window.subarray(start, start + bytes);
  }
}
