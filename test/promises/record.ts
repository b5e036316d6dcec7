import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../house/imports.ts';
import type { Measurement, Recorded } from './promise.ts';

const fileOf = (id: string): string => path.join(root, 'docs/measurements', `${id}.json`);

/** Keeps a measurement with its date and commit, for `npm run promises` to print with its age. */
export function record(id: string, measurement: Measurement): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const recorded: Recorded = { ...measurement, date: new Date().toISOString(), commit };
  mkdirSync(path.dirname(fileOf(id)), { recursive: true });
  writeFileSync(fileOf(id), `${JSON.stringify(recorded, null, 2)}\n`);
}

/** The last kept measurement, or undefined when there is none. */
export function recorded(id: string): Recorded | undefined {
  try {
    // Written by `record` alone.
    return JSON.parse(readFileSync(fileOf(id), 'utf8')) as Recorded;
  } catch {
    return undefined;
  }
}

export function ageOf(kept: Recorded, nowMs: number): string {
  const hours = (nowMs - Date.parse(kept.date)) / 3_600_000;
  return hours < 48 ? `${Math.round(hours)}h` : `${Math.round(hours / 24)}d`;
}
