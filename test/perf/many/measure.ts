import { setTimeout as sleep } from 'node:timers/promises';
import { quantileBetween, readSamples, valueOf, type Sample } from './exposition.ts';
import { operatorUser, startMany, type ManyPools, type Size } from './fleet.ts';
import { writesByKind, writesOf, type KindWrites } from './writes.ts';

export type ManyOptions = {
  size: Size;
  /** How long nothing may be written. */
  restSeconds: number;
  /** Pools created in a second; all at once where it is left out. */
  perSecond?: number | undefined;
  /** For the operator. */
  env?: Record<string, string>;
  onProgress?: (what: string, done: number, total: number) => void;
};

/** What the operator's own metrics say of a stretch of time. */
export type Stretch = {
  seconds: number;
  /** 95th percentile of the time that a key waited for a worker: a bucket's upper end, in seconds. */
  queueWaitSeconds: number;
  /** 99th percentile of the event loop's delay, the timer's own 10 ms included. */
  loopLagMs: number;
  /** Share of one core. */
  cpuShare: number;
};

export type ManyReport = {
  size: Size;
  perSecond: number | undefined;
  /** From the first pool created to the last one Ready with all replicas. */
  rising: Stretch & { createSeconds: number };
  /** Of the operator, from create to Ready and as long as they went on after that. */
  writes: KindWrites[];
  rest: Stretch & { writes: string[] };
  /** Another operator starts with everything there. */
  restart: { readySeconds: number; writes: string[] };
  memory: { maxBytes: number; restBytes: number };
};

const quietMs = 15_000;
const risingMsMax = 1_200_000;
const settleMsMax = 180_000;

/** Brings the pools up, waits until the operator has nothing left to say, and watches it say nothing. */
export async function measureMany({
  size,
  restSeconds,
  perSecond,
  env,
  onProgress = () => {},
}: ManyOptions): Promise<ManyReport> {
  const many = await startMany(size, env);
  try {
    const start = await look(many);
    const create = many.createPools(perSecond).then(() => (performance.now() - start.atMs) / 1000);
    const [createSeconds] = await Promise.all([create, untilReady(many, size, onProgress)]);
    const up = await look(many);
    await untilQuiet(many);
    const settled = await look(many);
    const before = writes(many);
    await resting(restSeconds, onProgress);
    const rested = await look(many);
    const memory = many.memory();
    const after = writes(many);
    const restart = await restarted(many, onProgress);
    return {
      size,
      perSecond,
      rising: { ...stretch(start, up), createSeconds },
      writes: writesByKind(before),
      rest: { ...stretch(settled, rested), writes: named(after.slice(before.length)) },
      restart,
      memory: { maxBytes: memory.maxBytes, restBytes: memory.bytes },
    };
  } finally {
    await many.stop();
  }
}

type Look = { atMs: number; samples: Sample[] };

/** A scrape starts the event loop's histogram anew, so each stretch has its own. */
async function look(many: ManyPools): Promise<Look> {
  const samples = readSamples(await many.metrics());
  return { atMs: performance.now(), samples };
}

const stretch = (from: Look, to: Look): Stretch => {
  const seconds = (to.atMs - from.atMs) / 1000;
  const cpuSeconds = (of: Look): number => valueOf(of.samples, 'process_cpu_seconds_total');
  return {
    seconds,
    queueWaitSeconds: quantileBetween(from.samples, to.samples, 'workqueue_queue_duration_seconds', 0.95),
    loopLagMs: valueOf(to.samples, 'nodejs_eventloop_lag_p99_seconds') * 1000,
    cpuShare: (cpuSeconds(to) - cpuSeconds(from)) / seconds,
  };
};

const writes = (many: ManyPools): ReturnType<typeof writesOf> => writesOf(many.cluster.audit(), operatorUser);
const named = (lines: ReturnType<typeof writes>): string[] => lines.map(({ at, verb, uri }) => `${at} ${verb} ${uri}`);

async function untilReady(
  many: ManyPools,
  { pools }: Size,
  onProgress: NonNullable<ManyOptions['onProgress']>,
): Promise<void> {
  const deadlineMs = performance.now() + risingMsMax;
  for (let ready = 0; ready < pools; ready = many.readyPools()) {
    onProgress('pools ready', ready, pools);
    if (many.operator.process.exitCode !== null) throw new Error(`the operator has ended:\n${many.operator.log()}`);
    if (performance.now() > deadlineMs)
      throw new Error(`${ready} of ${pools} pools were ready after ${risingMsMax / 1000} s:\n${many.operator.log()}`);
    await sleep(500);
  }
  onProgress('pools ready', pools, pools);
}

/** Events and counts of pods that moved last come after Ready. */
async function untilQuiet(many: ManyPools): Promise<void> {
  const deadlineMs = performance.now() + settleMsMax;
  for (let before = writes(many).length; ;) {
    await sleep(quietMs);
    const now = writes(many).length;
    if (now === before || performance.now() > deadlineMs) return;
    before = now;
  }
}

async function resting(seconds: number, onProgress: NonNullable<ManyOptions['onProgress']>): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 1) {
    onProgress('seconds at rest', passed, seconds);
    await sleep(1_000);
  }
  onProgress('seconds at rest', seconds, seconds);
}

async function restarted(
  many: ManyPools,
  onProgress: NonNullable<ManyOptions['onProgress']>,
): Promise<ManyReport['restart']> {
  onProgress('operators restarted', 0, 1);
  const before = writes(many).length;
  const startedMs = performance.now();
  await many.restartOperator();
  const readySeconds = (performance.now() - startedMs) / 1000;
  await sleep(quietMs);
  onProgress('operators restarted', 1, 1);
  return { readySeconds, writes: named(writes(many).slice(before)) };
}
