import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Agent, request, type Dispatcher } from 'undici';
import { eventually, startFleet, type RunningFleet } from './fleet.ts';
import { epochMs, readTap, tapEnvironment, type TapEvent } from './request-tap.ts';
import { demoWeights, smallPool } from './small-pool.ts';

/** One request as its client saw it. */
export type Rushed = { id: string; status: number; sentMs: number; answeredMs: number };

export type Rush = {
  /** Answers by status; 0 stands for none. */
  statuses: Readonly<Record<string, number>>;
  /** The most that the runtime had at once. */
  inFlightMax: number;
  /** From the first request until the runtime said that it is ready. */
  loadMs: number;
  /** From then until the last answer. */
  servedMs: number;
  /** Of each request that was answered, see `overheadsMs`. */
  overheadsMs: readonly number[];
};

const fleetFile = (concurrency: number): string =>
  smallPool(demoWeights, {
    quantization: 'int4',
    engine: { maxConcurrency: concurrency, contextLength: 512 },
    scaling: { minReplicas: 0, maxReplicas: 1, scaleToZeroAfter: '2s' },
    coldStart: { holdTimeout: '9m' },
  });

/**
 * So many requests at once at a pool that has no process. They ask for one token each, and may wait as long as a busy
 * machine makes them: how many may is the default.
 */
export async function rushFromZero(options: { requests: number; concurrency: number }): Promise<Rush> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-rush-'));
  const [file, tap] = [path.join(folder, 'fleet.yaml'), path.join(folder, 'tap.jsonl')];
  writeFileSync(file, fleetFile(options.concurrency));
  const fleet = await startFleet({ args: ['--fleet', file], env: tapEnvironment(tap) });
  try {
    await eventually(
      () => fleet.pools(),
      ([pool]) => pool?.status === 'scaled-to-zero' && pool.ready === 0,
      60_000,
    );
    // What it did until now was to start once, so that weights and graph are in the cache.
    const before = readTap(tap).length;
    const rushed = await askAtOnce(fleet, options.requests);
    return rushOf(rushed, readTap(tap).slice(before), options.concurrency);
  } finally {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function askAtOnce(fleet: RunningFleet, count: number): Promise<Rushed[]> {
  const dispatcher = new Agent({ connections: null, headersTimeout: 0 });
  try {
    return await Promise.all(Array.from({ length: count }, (_, at) => ask(fleet.url, `rush-${at}`, dispatcher)));
  } finally {
    await dispatcher.destroy();
  }
}

async function ask(url: string, id: string, dispatcher: Dispatcher): Promise<Rushed> {
  const body = { model: 'small', prompt: `After ${id}`, temperature: 0, max_tokens: 1 };
  const sentMs = epochMs();
  const status = await request(`${url}/v1/completions`, {
    method: 'POST',
    dispatcher,
    headers: { 'content-type': 'application/json', 'x-request-id': id },
    body: JSON.stringify(body),
  }).then(
    async ({ statusCode, body: answer }) => {
      await answer.text();
      return statusCode;
    },
    () => 0,
  );
  return { id, status, sentMs, answeredMs: epochMs() };
}

function rushOf(rushed: readonly Rushed[], events: readonly TapEvent[], concurrency: number): Rush {
  const readyMs = events.find(({ what }) => what === 'ready')?.atMs ?? Number.NaN;
  const statuses: Record<string, number> = {};
  for (const { status } of rushed) statuses[status] = (statuses[status] ?? 0) + 1;
  return {
    statuses,
    inFlightMax: inFlightMax(events),
    loadMs: readyMs - Math.min(...rushed.map(({ sentMs }) => sentMs)),
    servedMs: Math.max(...rushed.map(({ answeredMs }) => answeredMs)) - readyMs,
    overheadsMs: overheadsMs(rushed, events, concurrency),
  };
}

/** The most requests that had come and not yet left. */
export function inFlightMax(events: readonly TapEvent[]): number {
  let [now, most] = [0, 0];
  for (const { what } of events) {
    if (what === 'came') now += 1;
    else if (what === 'left') now -= 1;
    most = Math.max(most, now);
  }
  return most;
}

/**
 * What each request took beyond the load of the model, its turn, and its own answering: milliseconds from the moment at
 * which a place in the runtime was free for it until it came there, and from the last byte of its answer there until its
 * client had it. As many places as the pool's concurrency are free once the runtime is ready; after that the n-th request
 * to come has the place of the one that was the n-th but `concurrency` to leave. Nothing waits for a place before it is sent.
 */
export function overheadsMs(rushed: readonly Rushed[], events: readonly TapEvent[], concurrency: number): number[] {
  const clients = new Map(rushed.map((each) => [each.id, each]));
  const came = events.filter(({ what }) => what === 'came');
  const left = events.filter(({ what }) => what === 'left');
  const leftAt = new Map(left.map(({ id, atMs }) => [id, atMs]));
  const readyMs = events.find(({ what }) => what === 'ready')?.atMs ?? Number.NaN;
  return came.flatMap(({ id, atMs }, at) => {
    const [client, answeredMs] = [clients.get(id), leftAt.get(id)];
    if (!client || answeredMs === undefined) return [];
    const freeMs = Math.max(client.sentMs, readyMs, left[at - concurrency]?.atMs ?? readyMs);
    return [atMs - freeMs + client.answeredMs - answeredMs];
  });
}
