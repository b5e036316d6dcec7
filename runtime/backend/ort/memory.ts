import koffi from 'koffi';
import { FleetError } from '@qwenfleet/core/errors';
import { freeMemory } from '../../free-memory.ts';
import type { Pointer } from './library.ts';

const alignmentBytes = 1 << 21;
const adviseHugePages = 14;

type Libc = {
  allocate: (alignment: number, bytes: number) => Pointer | null;
  free: (block: Pointer) => void;
  advise: ((block: Pointer, bytes: number, advice: number) => number) | undefined;
  trim: { async: (pad: number, done: (error: Error | null) => void) => void } | undefined;
  /** Never read: keeps the library loaded. */
  handle: unknown;
};

let libc: Libc | undefined;

let blocksBytes = 0;
/** Bytes of all blocks that have not been freed. */
export const nativeBytes = (): number => blocksBytes;

function native(): Libc {
  if (libc) return libc;
  const names: Partial<Record<NodeJS.Platform, string>> = { linux: 'libc.so.6', darwin: 'libSystem.dylib' };
  const name = names[process.platform];
  if (!name) throw new FleetError('engine_failed', `The engine needs Linux or macOS, and this is ${process.platform}.`);
  const library = koffi.load(name);
  const linux = process.platform === 'linux';
  libc = {
    allocate: library.func('void* aligned_alloc(size_t alignment, size_t bytes)') as Libc['allocate'],
    free: library.func('void free(void* block)') as Libc['free'],
    advise: linux ? (library.func('int madvise(void* block, size_t bytes, int advice)') as Libc['advise']) : undefined,
    trim: linux ? library.func('int malloc_trim(size_t pad)') : undefined,
    handle: library,
  };
  return libc;
}

/** Elsewhere it is not known what the system would take from its caches. */
const bytesFree = (): number => (process.platform === 'linux' ? freeMemory() : Number.MAX_SAFE_INTEGER);

/** A block of native memory that JavaScript and ONNX Runtime both see; zeroed by the kernel on first touch. */
export class MemoryBlock {
  readonly bytes: number;
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
  readonly #block: Pointer;
  #freed = false;

  /**
   * Throws `engine_failed` when the machine has no such amount of memory. The kernel would promise it all the same, and
   * kill the process when it is used: in the middle of the first long prompts.
   */
  constructor(bytes: number, freeBytes = bytesFree()) {
    this.bytes = Math.max(1, Math.ceil(bytes / alignmentBytes)) * alignmentBytes;
    const fits = bytes >= 0 && this.bytes <= freeBytes;
    const block = fits ? native().allocate(alignmentBytes, this.bytes) : null;
    if (block === null) {
      const [wanted, free] = [Math.ceil(this.bytes / 2 ** 20), Math.floor(freeBytes / 2 ** 20)];
      throw new FleetError(
        'engine_failed',
        `There are no ${wanted} MiB of memory left, ${free} are; use fewer slots or a shorter context.`,
      );
    }
    this.#block = block;
    blocksBytes += this.bytes;
    native().advise?.(block, this.bytes, adviseHugePages);
    this.address = koffi.address(block);
    this.buffer = koffi.view(block, this.bytes);
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    blocksBytes -= this.bytes;
    native().free(this.#block);
  }
}

/** Gives freed pages back to the system, off the event loop: without it, half a model's memory stays in the arenas. */
export function trimMemory(): Promise<void> {
  const { trim } = native();
  return new Promise((resolve, reject) =>
    trim ? trim.async(0, (error) => (error ? reject(error) : resolve())) : resolve(),
  );
}
