import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { FleetError, type ErrorCode } from '@qwenfleet/core/errors';
import type { BuildOptions } from './build-graph.ts';
import type { OpenModel } from './read.ts';

export type BuildTask = {
  location: string;
  merged: readonly string[];
  folder: string;
  quantization: BuildOptions['quantization'];
  contextLength: number;
  adapters: boolean;
  kvCacheDtype: BuildOptions['kvCacheDtype'];
};

/** What the thread says; an error's class does not survive the way between threads. */
export type FromBuild =
  | { type: 'progress'; phase: string; done: number; total: number }
  | { type: 'failed'; code: ErrorCode; message: string; param: string | undefined };

/** The thread's own file; images hold compiled ones. */
const entry = new URL(`./build-worker${path.extname(import.meta.filename)}`, import.meta.url);

/** Builds on a thread of its own, so that requests are answered meanwhile. Aborting the signal ends the thread. */
export async function buildInWorker(
  { location, merged = [] }: Pick<OpenModel, 'location' | 'merged'>,
  folder: string,
  options: BuildOptions & { signal?: AbortSignal | undefined },
): Promise<void> {
  const { quantization, contextLength, adapters = false, kvCacheDtype, signal, onProgress } = options;
  signal?.throwIfAborted();
  const worker = new Worker(entry, {
    workerData: { location, merged, folder, quantization, contextLength, adapters, kvCacheDtype } satisfies BuildTask,
  });
  const end = (): void => void worker.terminate();
  signal?.addEventListener('abort', end, { once: true });
  let failure: FleetError | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (said: FromBuild) => {
        if (said.type === 'progress') onProgress?.(said.phase, said.done, said.total);
        else failure = new FleetError(said.code, said.message, { param: said.param });
      });
      worker.once('error', reject);
      worker.once('exit', (code) => {
        // A thread that is ended early may say 0.
        if (signal?.aborted) reject(signal.reason);
        else if (failure) reject(failure);
        else if (code === 0) resolve();
        else reject(new Error(`the builder ended with ${code}`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', end);
  }
}
