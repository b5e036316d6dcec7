// A thread of thread.ts: runs the work of one module and ends.
import os from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { asFleetError } from '@qwenfleet/core/errors';
import type { FromThread, ThreadTask, Work } from './thread.ts';

/** How much nicer: a third of the share of what answers where both want the same core, so that it comes to its end. */
const nicer = 5;
const nicest = os.constants.priority.PRIORITY_LOW;

const { module, task, givesWay } = workerData as ThreadTask;
const say = (message: FromThread): void => parentPort?.postMessage(message);

// To Linux 0 is this thread, to others the whole process.
if (givesWay && process.platform === 'linux') os.setPriority(0, Math.min(nicest, os.getPriority(0) + nicer));
try {
  // Loaded here, so that this gives way, too.
  const { work } = (await import(module)) as { work: Work<unknown, unknown> };
  const answer = await work(task, (phase, done, total) => say({ type: 'progress', phase, done, total }));
  say({ type: 'answer', answer });
} catch (thrown) {
  const { code, message, param } = asFleetError(thrown);
  say({ type: 'failed', code, message, param });
}
