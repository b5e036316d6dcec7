import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { backoffMs } from '@qwenfleet/core/backoff';
import { systemClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { Agent, request, type Dispatcher } from 'undici';

const attemptsMax = 6;
const redirectsMax = 5;
const silenceMsMax = 30_000;
const backoff = { baseMs: 500, maxMs: 10_000, factor: 2 };

const agent = new Agent({ connect: { timeout: 10_000 }, headersTimeout: silenceMsMax, bodyTimeout: silenceMsMax });

export type Fetched = { url: string; headers?: Record<string, string>; signal?: AbortSignal | undefined };

/**
 * A request that follows redirects; credentials stay with the host that they are for.
 * Throws `source_not_found`, `source_forbidden` or `source_unavailable`.
 */
export async function fetchFrom(method: 'GET' | 'HEAD', fetched: Fetched): Promise<Dispatcher.ResponseData> {
  let { url, headers = {} } = fetched;
  for (let hop = 0; hop <= redirectsMax; hop += 1) {
    const response = await send(method, { ...fetched, url, headers });
    if (response.statusCode < 300 || response.statusCode >= 400) return assertOk(response, url);
    const location = response.headers['location'];
    await response.body.dump();
    if (typeof location !== 'string') break;
    const next = new URL(location, url);
    if (next.origin !== new URL(url).origin) {
      const { authorization: _authorization, ...rest } = headers;
      headers = rest;
    }
    url = next.href;
  }
  throw new FleetError('source_unavailable', `${hostOf(fetched.url)} redirects too often.`);
}

/** One request as it is. Throws `source_unavailable` when nobody answers. */
export async function send(
  method: 'GET' | 'HEAD',
  { url, headers = {}, signal }: Fetched,
): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, { method, headers, dispatcher: agent, ...(signal ? { signal } : {}) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new FleetError(
      'source_unavailable',
      `${hostOf(url)} does not answer. Check the network, or try again later.`,
      { cause },
    );
  }
}

export async function assertOk(response: Dispatcher.ResponseData, url: string): Promise<Dispatcher.ResponseData> {
  const { statusCode: status } = response;
  if (status < 300 || status === 416) return response;
  await response.body.dump();
  const where = `${hostOf(url)}${new URL(url).pathname}`;
  if (status === 401 || status === 403) {
    throw new FleetError(
      'source_forbidden',
      `${where} answered ${status}: it needs a token that may read it (HF_TOKEN for the hub).`,
    );
  }
  if (status === 404 || status === 410)
    throw new FleetError('source_not_found', `${where} answered ${status}: there is nothing there. Check the address.`);
  throw new FleetError('source_unavailable', `${where} answered ${status}. Try again later.`);
}

const hostOf = (url: string): string => new URL(url).host;

export type Download = Omit<Fetched, 'headers'> & {
  /** A function makes them anew for each attempt: a signature grows old while a large file comes. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** Where the whole file goes; parts wait in `target.partial` and are gone on with. */
  target: string;
  /** Throws when the file is not what it should be; it is then deleted. */
  verify?: (file: string) => Promise<void>;
  onProgress?: (doneBytes: number, totalBytes: number | undefined) => void;
};

/** Downloads a file, goes on where an earlier try stopped, checks it and only then gives it its name. */
export async function download(task: Download): Promise<void> {
  const { target, verify, signal } = task;
  if (existsSync(target)) return;
  mkdirSync(path.dirname(target), { recursive: true });
  const partial = `${target}.partial`;
  for (let attempt = 0; ; attempt += 1) {
    try {
      await goOn({ ...task, headers: headersOf(task) }, partial);
      break;
    } catch (error) {
      const lasting = error instanceof FleetError && error.code !== 'source_unavailable';
      if (lasting || signal?.aborted || attempt + 1 >= attemptsMax) throw error;
      await systemClock.sleep(backoffMs(backoff, attempt, Math.random), signal);
    }
  }
  try {
    await verify?.(partial);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  renameSync(partial, target);
}

const headersOf = ({ headers = {} }: Download): Record<string, string> =>
  typeof headers === 'function' ? headers() : headers;

type Attempt = Fetched & Pick<Download, 'onProgress'>;

async function goOn({ url, headers, signal, onProgress }: Attempt, partial: string): Promise<void> {
  const have = existsSync(partial) ? statSync(partial).size : 0;
  const range: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  const response = await fetchFrom('GET', {
    url,
    headers: { ...headers, ...range, 'accept-encoding': 'identity' },
    signal,
  });
  if (response.statusCode === 416) {
    // Everything is here already, or the file has changed: the check that follows tells.
    await response.body.dump();
    return;
  }
  const resumed = response.statusCode === 206;
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  const start = resumed ? have : 0;
  const total = Number.isFinite(length) ? start + length : undefined;
  let done = start;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      done += chunk.length;
      onProgress?.(done, total);
      callback(null, chunk);
    },
  });
  try {
    await pipeline(response.body, counter, createWriteStream(partial, { flags: resumed ? 'a' : 'w' }));
  } catch (cause) {
    throw signal?.aborted ? cause : brokenOff(cause, url);
  }
  if (total !== undefined && done !== total)
    throw new FleetError('source_unavailable', `${hostOf(url)} sent ${done} of ${total} bytes.`);
}

function brokenOff(cause: unknown, url: string): FleetError {
  const full = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
  if (full) {
    const remedy = 'Free some space, or move the cache with QWENFLEET_CACHE.';
    return new FleetError('engine_failed', `The disk is full. ${remedy}`, { cause });
  }
  return new FleetError('source_unavailable', `${hostOf(url)} stopped sending. Try again later; what came is kept.`, {
    cause,
  });
}
