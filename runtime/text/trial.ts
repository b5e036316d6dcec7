import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { FleetError } from '@qwenfleet/core/errors';
import type { TextFiles } from './model-files.ts';

/** Of a processor: honest files take a tenth of a second, however long they wait for one on a machine that is busy. */
const trialCpuMs = 3_000;
const trialMs = 120_000;
const lookMs = 100;
const memoryMax = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
/** A conversation of four short messages; templates add a few hundred characters. */
const textLengthMax = 1_000_000;

export type Trial = Pick<TextFiles, 'chatTemplate' | 'tokenizer'>;
export type FromTrial = { phase: 'template' | 'tokenizer' } | { textLength: number };

/** The thread's own file; images hold compiled ones. */
const entry = new URL(`./trial-worker${path.extname(import.meta.filename)}`, import.meta.url);

/**
 * Tries what a model's files run on every request, its template and the patterns of its tokenizer, on a thread that can be
 * ended and cannot take the process with it: nothing else stops a template that counts to a billion, or a pattern that
 * tries every way to fail. What a pattern does to texts that nobody thought of stays unknown.
 * Throws `invalid_model` when it takes too long, too much memory, or writes without end.
 */
export async function tryText({ chatTemplate, tokenizer }: Trial, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const worker = new Worker(entry, {
    workerData: { chatTemplate, tokenizer: withoutVocabulary(tokenizer) },
    resourceLimits: memoryMax,
  });
  let phase: 'template' | 'tokenizer' = 'template';
  let textLength = 0;
  worker.on('message', (said: FromTrial) => {
    if ('phase' in said) phase = said.phase;
    else ({ textLength } = said);
  });
  const outcome = await ended(worker, signal);
  signal?.throwIfAborted();
  const what = phase === 'template' ? 'chat template' : 'tokenizer';
  if (outcome === 'late') refuse(what, `takes more than ${trialCpuMs / 1000} s of a processor for a short text`);
  if (outcome === 'failed')
    refuse(what, `takes more than ${memoryMax.maxOldGenerationSizeMb} MiB, or a stack without end, for a short text`);
  if (textLength > textLengthMax) refuse('chat template', `makes ${textLength} characters of a short conversation`);
}

async function ended(worker: Worker, signal: AbortSignal | undefined): Promise<'over' | 'late' | 'failed'> {
  const { promise, resolve } = Promise.withResolvers<'over' | 'late' | 'failed'>();
  const late = setTimeout(() => resolve('late'), trialMs);
  const look = async (): Promise<void> => {
    const { user, system } = await worker.cpuUsage();
    if (user + system > trialCpuMs * 1000) resolve('late');
  };
  // A thread that has ended has none to tell of.
  const looks = setInterval(() => void look().catch(() => undefined), lookMs);
  const abort = (): void => resolve('over');
  signal?.addEventListener('abort', abort, { once: true });
  worker.once('error', () => resolve('failed'));
  worker.once('exit', (code) => resolve(code === 0 ? 'over' : 'failed'));
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    clearInterval(looks);
    signal?.removeEventListener('abort', abort);
    await worker.terminate();
  }
}

/** What is tried are its patterns: a vocabulary takes long to read, and is looked up, not run. */
const withoutVocabulary = (tokenizer: Trial['tokenizer']): Trial['tokenizer'] => ({
  ...tokenizer,
  added_tokens: [],
  post_processor: null,
  model: { type: 'BPE', vocab: {}, merges: [] },
});

function refuse(what: string, why: string): never {
  throw new FleetError('invalid_model', `The model's ${what} ${why}. Use another checkpoint.`);
}
