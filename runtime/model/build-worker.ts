// A thread of build-worker-client.ts: builds one graph and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { asFleetError } from '@qwenfleet/core/errors';
import { withMerged } from './adapter/merge.ts';
import { buildGraph } from './build-graph.ts';
import type { BuildTask, FromBuild } from './build-worker-client.ts';
import { readModel } from './read.ts';

const { location, merged, folder, ...options } = workerData as BuildTask;
const say = (message: FromBuild): void => parentPort?.postMessage(message);

try {
  const onProgress = (phase: string, done: number, total: number): void =>
    say({ type: 'progress', phase, done, total });
  buildGraph(withMerged(readModel(location), merged), folder, { ...options, onProgress });
} catch (thrown) {
  const { code, message, param } = asFleetError(thrown);
  say({ type: 'failed', code, message, param });
}
