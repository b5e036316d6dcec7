import koffi from 'koffi';
import { FleetError } from '@qwenfleet/core/errors';
import { cores } from './cores.ts';
import { ortLibrary, type OrtApi, type Pointer } from './library.ts';

/** Element types of ONNX tensors (onnx.proto, TensorProto.DataType) that cross the boundary. */
export const elementType = { float32: 1, int8: 3, int32: 6, int64: 7 } as const;
export const elementBytes = { float32: 4, int8: 1, int32: 4, int64: 8 } as const;
export type ElementType = keyof typeof elementType;

const warningLevel = 3;
const allOptimizations = 99;

/** What is open in this process: a model that was released leaves none behind. */
const open = { sessions: 0, weights: 0, tensors: 0 };
export const nativeObjects = (): Readonly<typeof open> => ({ ...open });

/** Prepacked weights that several sessions of one model share. */
export class PrepackedWeights {
  readonly pointer: Pointer;
  #released = false;

  constructor() {
    this.pointer = created((out) => ortLibrary().api.CreatePrepackedWeightsContainer(out));
    open.weights += 1;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    open.weights -= 1;
    ortLibrary().api.ReleasePrepackedWeightsContainer(this.pointer);
  }
}

let shared: { environment: Pointer; cpu: Pointer } | undefined;

function environment(): { environment: Pointer; cpu: Pointer } {
  const { api } = ortLibrary();
  shared ??= {
    environment: created((out) => api.CreateEnv(warningLevel, 'qwenfleet', out)),
    cpu: created((out) => api.CreateCpuMemoryInfo(0, 0, out)),
  };
  return shared;
}

/** Names of inputs or outputs as a C array. */
export class NameArray {
  readonly array: BigUint64Array;
  #strings: readonly Pointer[];

  constructor(names: readonly string[]) {
    this.#strings = names.map((name) => {
      const bytes = Buffer.byteLength(name) + 1;
      const text = koffi.alloc('char', bytes) as unknown as Pointer;
      koffi.encode(text, koffi.array('char', bytes, 'String'), name);
      return text;
    });
    this.array = BigUint64Array.from(this.#strings, (text) => koffi.address(text));
  }

  free(): void {
    for (const text of this.#strings) koffi.free(text);
    this.#strings = [];
  }
}

/** A tensor over memory that we own. */
export class Tensor {
  readonly address: bigint;
  readonly #value: Pointer;
  #released = false;

  constructor(data: bigint, shape: readonly number[], type: ElementType) {
    const bytes = shape.reduce((product, size) => product * size, 1) * elementBytes[type];
    const dimensions = BigInt64Array.from(shape, BigInt);
    this.#value = created((out) =>
      ortLibrary().api.CreateTensorWithDataAsOrtValue(
        environment().cpu,
        data,
        bytes,
        dimensions,
        shape.length,
        elementType[type],
        out,
      ),
    );
    this.address = koffi.address(this.#value);
    open.tensors += 1;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    open.tensors -= 1;
    ortLibrary().api.ReleaseValue(this.#value);
  }
}

export type Feeds = { inputs: BigUint64Array; outputs: BigUint64Array };

/**
 * A graph in memory. Runs take place on the thread pool of libuv, one at a time, and share the cores with those of other
 * graphs; a release waits for the one that runs.
 */
export class Session {
  readonly #api: OrtApi;
  readonly #session: Pointer;
  readonly #runOptions: Pointer;
  readonly #threads: number;
  #running: Promise<unknown> = Promise.resolve();
  #released = false;

  private constructor(session: Pointer, threads: number) {
    this.#api = ortLibrary().api;
    this.#session = session;
    this.#threads = threads;
    this.#runOptions = created((out) => this.#api.CreateRunOptions(out));
    open.sessions += 1;
  }

  /** @param graphFile path of the .onnx file; external data lies beside it. Throws `invalid_model` when ORT refuses it. */
  static async open(graphFile: string, threads: number, weights: PrepackedWeights): Promise<Session> {
    const { api } = ortLibrary();
    const env = environment().environment;
    const options = created((out) => api.CreateSessionOptions(out));
    try {
      check(api.SetIntraOpNumThreads(options, threads));
      check(api.SetInterOpNumThreads(options, 1));
      check(api.SetSessionGraphOptimizationLevel(options, allOptimizations));
      // Spinning threads of several pools on the same cores slow every step two to five times.
      check(api.AddSessionConfigEntry(options, 'session.intra_op.allow_spinning', '0'));
      check(api.AddSessionConfigEntry(options, 'session.force_spinning_stop', '1'));
      const out: [Pointer | null] = [null];
      await called(api.CreateSessionWithPrepackedWeightsContainer, env, graphFile, options, weights.pointer, out);
      if (out[0] === null) throw new Error('no session was made');
      return new Session(out[0], threads);
    } catch (cause) {
      throw new FleetError('invalid_model', 'ONNX Runtime refused the graph that was built for this model.', { cause });
    } finally {
      api.ReleaseSessionOptions(options);
    }
  }

  /**
   * Throws `engine_failed` when the run does, or when the session has been released; the arrays must stay alive until it
   * has settled.
   */
  async run(inputNames: NameArray, outputNames: NameArray, feeds: Feeds): Promise<void> {
    if (this.#released) throw new FleetError('engine_failed', 'The model has been released.');
    const { inputs, outputs } = feeds;
    const [session, options] = [this.#session, this.#runOptions];
    const { array: inNames } = inputNames;
    const { array: outNames } = outputNames;
    const { Run } = this.#api;
    const run = cores.use(this.#threads, () =>
      called(Run, session, options, inNames, inputs, inputs.length, outNames, outputs.length, outputs),
    );
    this.#running = run.catch(() => undefined);
    try {
      await run;
    } catch (cause) {
      throw new FleetError('engine_failed', 'A step of the model failed. Try again.', { cause });
    }
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#running;
    open.sessions -= 1;
    this.#api.ReleaseRunOptions(this.#runOptions);
    await called(this.#api.ReleaseSession, this.#session);
  }
}

/** Calls on the thread pool, and throws what the returned status says. */
function called(native: OrtApi['Run'], ...args: unknown[]): Promise<void> {
  return new Promise((resolve, reject) => {
    native.async(...args, (error, status) => {
      if (error) return reject(error);
      try {
        check(status);
        resolve();
      } catch (refused) {
        reject(refused);
      }
    });
  });
}

/** Runs a call that writes one pointer, and returns it. */
function created(call: (out: [Pointer | null]) => unknown): Pointer {
  const out: [Pointer | null] = [null];
  check(call(out));
  if (out[0] === null) throw new Error('ONNX Runtime returned nothing');
  return out[0];
}

function check(status: unknown): void {
  if (status === null || status === undefined) return;
  const { api } = ortLibrary();
  const message = String(api.GetErrorMessage(status));
  api.ReleaseStatus(status);
  throw new Error(message);
}
