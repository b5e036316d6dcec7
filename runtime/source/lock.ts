import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { systemClock } from '@qwenfleet/core/clock';

const lookEveryMs = 200;
const touchEveryMs = 2_000;
/** A lock that nobody has touched for so long belongs to a process that is gone, or that stands still. */
const staleAfterMs = 20_000;

/** Who holds a lock. A process number alone says little: in containers every process is number 1. */
type Holder = { host: string; pid: number; id: string };

/**
 * Runs while this process alone holds a lock file, so that several runtimes which want the same model pull it once.
 * A lock whose process is gone is taken over: at once when it was of this machine, else when it has not been touched for
 * a while. Rejects with the signal's reason when it aborts while waiting.
 */
export async function withLock<T>(file: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const own: Holder = { host: hostname(), pid: process.pid, id: randomUUID() };
  while (!take(file, own)) {
    const stale = staleHolder(file);
    if (stale) takeAway(file, stale);
    else await systemClock.sleep(lookEveryMs, signal);
  }
  held.add(own.id);
  const touching = setInterval(() => touch(file, own), touchEveryMs).unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    held.delete(own.id);
    if (sameHolder(read(file), own)) rmSync(file, { force: true });
  }
}

/** Locks of this very process, which can tell of them without asking the system. */
const held = new Set<string>();

function take(file: string, own: Holder): boolean {
  try {
    writeFileSync(file, JSON.stringify(own), { flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Text of the holder whose lock may be taken away; undefined while it is held. */
function staleHolder(file: string): string | undefined {
  const text = read(file);
  if (text === undefined) return undefined;
  return isGone(text) || ageMs(file) > staleAfterMs ? text : undefined;
}

function isGone(text: string): boolean {
  const { host, pid, id } = parse(text);
  // Empty for the moment between creating and writing.
  if (host !== hostname() || pid === undefined) return false;
  if (pid === process.pid) return !held.has(id ?? '');
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return isCode(error, 'ESRCH');
  }
}

/** Renamed first, and looked at again: another process may have taken it over in between, and must keep it. */
function takeAway(file: string, stale: string): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  if (read(aside) === stale) rmSync(aside, { force: true });
  else renameSync(aside, file);
}

function touch(file: string, own: Holder): void {
  const now = new Date(systemClock.epochMs());
  try {
    if (sameHolder(read(file), own)) utimesSync(file, now, now);
  } catch (error) {
    // Taken over, because this process stood still: its work goes on, and what it writes is checked by digest.
    if (!isCode(error, 'ENOENT')) throw error;
  }
}

function ageMs(file: string): number {
  try {
    return systemClock.epochMs() - statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): Partial<Holder> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

const sameHolder = (text: string | undefined, own: Holder): boolean => text !== undefined && parse(text).id === own.id;

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
