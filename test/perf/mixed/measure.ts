import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadReportSchema, type LoadReport } from '@qwenfleet/core/load/report';
import { demoWeights } from '../../harness/small-pool.ts';
import { eventually } from '../../harness/fleet.ts';
import { runLoad, type Asked } from '../../harness/load.ts';
import { usageOf } from '../../harness/processes.ts';
import { startRuntime, type RunningRuntime } from '../../harness/runtime-process.ts';
import { percentile } from '../../harness/statistics.ts';
import { readSamples, valueOf } from '../many/exposition.ts';

export type MixedOptions = {
  /** Where the weights are; the demo's when left out. */
  uri?: string;
  minutes: number;
  seed: number;
  cacheDir: string;
};

/** What the process holds at one moment. */
export type Sample = { heapBytes: number; residentBytes: number; files: number; running: number };

export type MixedReport = {
  minutes: number;
  seed: number;
  requests: number;
  /** Of them, those whose clients went away. */
  left: number;
  /** Whose clients stayed and did not get a whole answer. */
  lost: string[];
  /** Medians of the first third and of the last; of the heap the least tenth, which is what a collection leaves. */
  held: Record<'heapBytes' | 'residentBytes' | 'files' | 'running', { first: number; last: number }>;
  /** After the last client has gone. */
  atRest: {
    running: number;
    queued: number;
    /** More than before the load. */
    files: number;
    /** Drawn while nobody asked. */
    tokens: number;
  };
};

const slots = 8;
/** More than there are slots: some wait. */
const workers = 12;
/** One of twenty clients goes away. */
const abortEvery = 20;
const samplesPerRun = 120;
const tokensMetric = 'qwenfleet_runtime_tokens_total';
const restWithinMs = 120_000;
/** As long as a few steps of any model take. */
const ghostMs = 2_000;
/** Connections of this process that are kept alive. */
const settleFilesMax = 4;

/** One runtime under clients that ask anything, streamed and whole, and of whom some go away in the middle. */
export async function measureMixed({ uri = demoWeights, minutes, seed, cacheDir }: MixedOptions): Promise<MixedReport> {
  const runtime = await startRuntime(
    { model: { uri }, engine: { slots, contextLength: 512, threads: availableParallelism() } },
    { cacheDir },
  );
  try {
    await runLoad({ ...load(runtime, seed), forMs: 0, requestsMin: 2 * slots });
    const fresh = await sampleOf(runtime);
    const forMs = minutes * 60_000;
    const samples: Sample[] = [];
    const over = new AbortController();
    const looking = look(runtime, forMs / samplesPerRun, samples, over.signal);
    const asked = await runLoad({ ...load(runtime, seed + 1_000), forMs, requestsMin: 4 * abortEvery });
    over.abort();
    await looking;
    return { minutes, seed, ...endsOf(asked), held: heldOf(samples), atRest: await restOf(runtime, fresh.files) };
  } finally {
    await runtime.dispose();
  }
}

const load = ({ url }: RunningRuntime, seed: number) => ({ url, seed, workers, abortEvery, models: ['auto'] });

async function look(runtime: RunningRuntime, everyMs: number, samples: Sample[], over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    samples.push(await sampleOf(runtime));
    await sleep(everyMs, undefined, { signal: over }).catch(() => undefined);
  }
}

async function sampleOf(runtime: RunningRuntime): Promise<Sample> {
  const { files, residentBytes } = usageOf(runtime.process.pid ?? 0);
  const { running } = await reportOf(runtime);
  return { heapBytes: await metricOf(runtime, 'nodejs_heap_size_used_bytes'), residentBytes, files, running };
}

const reportOf = async ({ url }: RunningRuntime): Promise<LoadReport> =>
  loadReportSchema.parse(await (await fetch(`${url}/load`)).json());

/** Every series of a metric together. */
async function metricOf({ url }: RunningRuntime, name: string): Promise<number> {
  return valueOf(readSamples(await (await fetch(`${url}/metrics`)).text()), name);
}

function endsOf(asked: readonly Asked[]): Pick<MixedReport, 'requests' | 'left' | 'lost'> {
  const stayed = asked.filter(({ abandoned }) => !abandoned);
  const lost = stayed.flatMap(({ ending, why }) => (ending === 'whole' ? [] : [`${ending}: ${why}`]));
  return { requests: asked.length, left: asked.length - stayed.length, lost };
}

function heldOf(samples: readonly Sample[]): MixedReport['held'] {
  const third = Math.ceil(samples.length / 3);
  const of = (field: keyof Sample, share: number): { first: number; last: number } => {
    const values = samples.map((sample) => sample[field]);
    return { first: percentile(values.slice(0, third), share), last: percentile(values.slice(-third), share) };
  };
  return {
    heapBytes: of('heapBytes', 0.1),
    residentBytes: of('residentBytes', 0.5),
    files: of('files', 0.5),
    running: of('running', 0.5),
  };
}

async function restOf(runtime: RunningRuntime, filesBefore: number): Promise<MixedReport['atRest']> {
  const isAtRest = ({ running, queued }: LoadReport): boolean => running === 0 && queued === 0;
  const { running, queued } = await eventually(() => reportOf(runtime), isAtRest, restWithinMs, 100).catch(() =>
    reportOf(runtime),
  );
  const tokens = await metricOf(runtime, tokensMetric);
  await sleep(ghostMs);
  const ghosts = (await metricOf(runtime, tokensMetric)) - tokens;
  const filesMax = filesBefore + settleFilesMax;
  const { files } = await eventually(
    async () => usageOf(runtime.process.pid ?? 0),
    (seen) => seen.files <= filesMax,
    restWithinMs,
    500,
  ).catch(() => usageOf(runtime.process.pid ?? 0));
  return { running, queued, files: Math.max(0, files - filesMax), tokens: ghosts };
}
