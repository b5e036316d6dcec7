import { onThread, type ThreadOptions, type Work } from '../thread/thread.ts';
import { withMerged } from './adapter/merge.ts';
import { buildGraph, type BuildOptions } from './build-graph.ts';
import { readModel, type OpenModel } from './read.ts';

type BuildTask = Omit<BuildOptions, 'onProgress'> & { location: string; merged: readonly string[]; folder: string };

/** Builds on a thread of its own. Throws what `buildGraph` does. */
export async function buildOnThread(
  { location, merged = [] }: Pick<OpenModel, 'location' | 'merged'>,
  folder: string,
  { signal, onProgress, givesWay, ...options }: BuildOptions & ThreadOptions,
): Promise<void> {
  const { quantization, contextLength, adapters, kvCacheDtype } = options;
  const task: BuildTask = { location, merged, folder, quantization, contextLength, adapters, kvCacheDtype };
  await onThread<void>(new URL(import.meta.url), task, { signal, onProgress, givesWay });
}

/** On the thread. */
export const work: Work<BuildTask, void> = ({ location, merged, folder, ...options }, onProgress) =>
  buildGraph(withMerged(readModel(location), merged), folder, { ...options, onProgress });
