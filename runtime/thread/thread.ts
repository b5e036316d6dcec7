import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { FleetError, type ErrorCode } from '@qwenfleet/core/errors';
import type { LoadProgress } from '../backend/backend.ts';

/** What a module exports that can be run on a thread. The task and the answer are copied on their way. */
export type Work<Task, Answer> = (task: Task, onProgress: LoadProgress) => Answer | Promise<Answer>;

export type ThreadTask = { module: string; task: unknown; givesWay: boolean };

/** What the thread says; an error's class does not survive the way between threads. */
export type FromThread =
  | { type: 'progress'; phase: string; done: number; total: number }
  | { type: 'answer'; answer: unknown }
  | { type: 'failed'; code: ErrorCode; message: string; param: string | undefined };

export type ThreadOptions = {
  /** Others are answered meanwhile: the thread takes of the processor what they leave, where the system knows how. */
  givesWay?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: LoadProgress | undefined;
};

/** The thread's own file; images hold compiled ones. */
const entry = new URL(`./worker${path.extname(import.meta.filename)}`, import.meta.url);

/**
 * Runs the `work` that a module exports on a thread of its own, so that requests are answered meanwhile. Aborting the
 * signal ends the thread. Throws what the work does, with its code.
 * @param module URL of the module
 */
export async function onThread<Answer>(
  module: URL,
  task: unknown,
  { givesWay = false, signal, onProgress }: ThreadOptions = {},
): Promise<Answer> {
  signal?.throwIfAborted();
  const worker = new Worker(entry, { workerData: { module: module.href, task, givesWay } satisfies ThreadTask });
  const end = (): void => void worker.terminate();
  signal?.addEventListener('abort', end, { once: true });
  let failure: FleetError | undefined;
  let answer: unknown;
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (said: FromThread) => {
        if (said.type === 'progress') onProgress?.(said.phase, said.done, said.total);
        else if (said.type === 'answer') ({ answer } = said);
        else failure = new FleetError(said.code, said.message, { param: said.param });
      });
      worker.once('error', reject);
      worker.once('exit', (code) => {
        // A thread that is ended early may say 0.
        if (signal?.aborted) reject(signal.reason);
        else if (failure) reject(failure);
        else if (code === 0) resolve();
        else reject(new Error(`the thread ended with ${code}`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', end);
  }
  // Of the module's `work`.
  return answer as Answer;
}
