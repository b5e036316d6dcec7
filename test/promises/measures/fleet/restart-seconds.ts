import { setTimeout as sleep } from 'node:timers/promises';
import { streamChat, user } from '../../../harness/chat.ts';
import { startFleet, type RunningFleet } from '../../../harness/fleet.ts';
import { alive } from '../../../harness/processes.ts';
import { metricOf, replicaOf } from '../../../harness/replicas.ts';
import { showSpread, spreadOf } from '../../../harness/statistics.ts';
import type { Measurement } from '../../promise.ts';

const killCount = 3;
const pool = 'small';

/** From kill -9 until a request is answered again, without the time in which the new process loaded its model. */
export async function restartSeconds(): Promise<Measurement> {
  const fleet = await startFleet();
  try {
    const restarts: number[] = [];
    const loads: number[] = [];
    for (let count = 0; count < killCount; count += 1) {
      const { totalSeconds, loadSeconds } = await killOnce(fleet);
      restarts.push(totalSeconds - loadSeconds);
      loads.push(loadSeconds);
    }
    const spread = spreadOf(restarts);
    const details = `seconds ${showSpread(spread)}; loading the model took another ${showSpread(spreadOf(loads))}`;
    return { value: spread.median, details };
  } finally {
    await fleet.stop();
  }
}

async function killOnce(fleet: RunningFleet): Promise<{ totalSeconds: number; loadSeconds: number }> {
  const { pid } = await replicaOf(fleet, pool);
  const killedMs = performance.now();
  process.kill(pid, 'SIGKILL');
  while (alive(pid)) await sleep(1);
  const answer = await streamChat(fleet.url, { model: pool, messages: [user('Hi')], max_tokens: 1 });
  const totalSeconds = (performance.now() - killedMs) / 1000;
  if (!answer.done || answer.error) throw new Error(`after the kill: ${answer.error?.message ?? 'no answer'}`);
  const again = await replicaOf(fleet, pool);
  if (again.pid === pid) throw new Error('the process that was killed still answers');
  return { totalSeconds, loadSeconds: await metricOf(again.url, 'qwenfleet_runtime_model_load_seconds') };
}
