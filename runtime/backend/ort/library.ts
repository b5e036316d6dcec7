import { createRequire } from 'node:module';
import path from 'node:path';
import koffi from 'koffi';
import { FleetError } from '@qwenfleet/core/errors';

/** An address in native memory, as koffi hands it out; opaque everywhere else. */
export type Pointer = { readonly __pointer: unique symbol };

/** The API revision that we ask for; the library keeps older ones for ever (`OrtApi` is append-only). */
const apiRevision = 27;
const versionWanted = /^1\.(2[5-9]|[3-9]\d)\./;

/** Position of each function in the `OrtApi` table of onnxruntime_c_api.h, and its C signature. */
const functions = {
  GetErrorMessage: [2, 'const char* f(void* status)'],
  CreateEnv: [3, 'void* f(int level, const char* id, _Out_ void** env)'],
  Run: [
    9,
    'void* f(void* session, void* options, void* inputNames, void* inputs, size_t inputCount, void* outputNames, size_t outputCount, void* outputs)',
  ],
  CreateSessionOptions: [10, 'void* f(_Out_ void** options)'],
  SetSessionGraphOptimizationLevel: [23, 'void* f(void* options, int level)'],
  SetIntraOpNumThreads: [24, 'void* f(void* options, int threads)'],
  SetInterOpNumThreads: [25, 'void* f(void* options, int threads)'],
  CreateRunOptions: [39, 'void* f(_Out_ void** options)'],
  CreateTensorWithDataAsOrtValue: [
    49,
    'void* f(void* memory, uintptr_t data, size_t bytes, int64_t* shape, size_t rank, int type, _Out_ void** value)',
  ],
  CreateCpuMemoryInfo: [69, 'void* f(int allocator, int memory, _Out_ void** info)'],
  ReleaseStatus: [93, 'void f(void* status)'],
  ReleaseSession: [95, 'void f(void* session)'],
  ReleaseValue: [96, 'void f(void* value)'],
  ReleaseRunOptions: [97, 'void f(void* options)'],
  ReleaseSessionOptions: [100, 'void f(void* options)'],
  AddSessionConfigEntry: [130, 'void* f(void* options, const char* key, const char* value)'],
  CreatePrepackedWeightsContainer: [166, 'void* f(_Out_ void** container)'],
  ReleasePrepackedWeightsContainer: [167, 'void f(void* container)'],
  CreateSessionWithPrepackedWeightsContainer: [
    168,
    'void* f(void* env, const char* path, void* options, void* container, _Out_ void** session)',
  ],
} as const satisfies Record<string, readonly [slot: number, signature: string]>;

type NativeFunction = {
  (...args: unknown[]): unknown;
  async: (...args: [...unknown[], (error: Error | null, result: unknown) => void]) => void;
};
export type OrtApi = Record<keyof typeof functions, NativeFunction>;

export type OrtLibrary = {
  api: OrtApi;
  version: string;
  /** Never read: koffi unloads a library, and all that hangs on it, when this object is collected. */
  handle: unknown;
};

/**
 * koffi calls on stacks of its own, 1 MiB and, on the thread pool, 256 KiB by default. Optimising a graph needs more, and
 * a stack that overflows there corrupts memory instead of failing.
 */
const stackBytes = 8 * 1024 * 1024;
koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });

let loaded: OrtLibrary | undefined;

/**
 * Loads the `libonnxruntime` that the onnxruntime-node package ships and binds the calls that we use.
 * Throws `engine_failed` when the platform has none, or when its version is not one that we have tested against.
 */
export function ortLibrary(): OrtLibrary {
  loaded ??= load();
  return loaded;
}

function load(): OrtLibrary {
  const library = koffi.load(libraryPath());
  const base = library.func('void* OrtGetApiBase()')() as Pointer;
  const getApi = koffi.proto('void* QwenfleetGetApi(uint32_t revision)');
  const getVersion = koffi.proto('const char* QwenfleetGetVersion()');
  const version = String(koffi.call(slot(base, 1), getVersion));
  if (!versionWanted.test(version)) {
    throw new FleetError(
      'engine_failed',
      `ONNX Runtime ${version} is not supported; 1.25 to 1.99 are. Reinstall the dependencies.`,
    );
  }
  const table = koffi.call(slot(base, 0), getApi, apiRevision) as Pointer | null;
  if (table === null)
    throw new FleetError('engine_failed', `ONNX Runtime ${version} has no C API revision ${apiRevision}.`);
  const bound = Object.entries(functions).map(([name, [index, signature]]) => {
    const prototype = koffi.proto(signature.replace(' f(', ` Qwenfleet${name}(`));
    return [name, koffi.decode(slot(table, index), prototype)];
  });
  // The table above is the list of keys.
  return { api: Object.fromEntries(bound) as OrtApi, version, handle: library };
}

const slot = (table: Pointer, index: number): Pointer => koffi.decode(table, index * 8, 'void*') as Pointer;

/** onnxruntime-node keeps one library per platform and architecture. */
function libraryPath(): string {
  const folder = path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const name = { linux: 'libonnxruntime.so.1', darwin: 'libonnxruntime.dylib', win32: 'onnxruntime.dll' }[
    process.platform as string
  ];
  if (!name)
    throw new FleetError(
      'engine_failed',
      `There is no ONNX Runtime for ${process.platform}; use Linux, macOS or Windows.`,
    );
  return path.join(folder, 'bin/napi-v6', process.platform, process.arch, name);
}
