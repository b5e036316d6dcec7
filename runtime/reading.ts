import { withMerged } from './model/adapter/merge.ts';
import { readModel, type OpenModel } from './model/read.ts';
import { textDigest } from './text/model-text.ts';
import { readTextFiles, type TextFiles } from './text/model-files.ts';
import { onThread, type Work } from './thread/thread.ts';

export type ReadingTask = {
  location: string;
  /** Folders of adapters to merge. */
  merged: readonly string[];
  /** Digest of text files that are open already. */
  known?: string | undefined;
};

/** What a model's files say of it, before any weight is read. */
export type Reading = {
  model: OpenModel;
  textDigest: string;
  /** Undefined when they are those that are known. */
  text: TextFiles | undefined;
};

/** Takes the event loop for as long as a vocabulary takes to be read. Throws what `readModel` and `readTextFiles` do. */
export function readHere({ location, merged, known }: ReadingTask): Reading {
  const model = withMerged(readModel(location), merged);
  const files = readTextFiles(model);
  const digest = textDigest(files);
  return { model, textDigest: digest, text: digest === known ? undefined : files };
}

/** A model with what cannot be copied left out. */
type Copied = Omit<Reading, 'model'> & { model: Omit<OpenModel, 'metadata' | 'openWeights'> };

/** The same on a thread that gives way, for a model that comes beside one that answers. */
export async function readBeside(task: ReadingTask, signal: AbortSignal): Promise<Reading> {
  const { model, ...read } = await onThread<Copied>(new URL(import.meta.url), task, { signal, givesWay: true });
  const openWeights: OpenModel['openWeights'] = () => withMerged(readModel(task.location), task.merged).openWeights();
  return { ...read, model: { ...model, metadata: new Map(), openWeights } };
}

/** On the thread. */
export const work: Work<ReadingTask, Copied> = (task) => {
  const { model, ...read } = readHere(task);
  const { metadata: _, openWeights: __, ...copied } = model;
  return { ...read, model: copied };
};
