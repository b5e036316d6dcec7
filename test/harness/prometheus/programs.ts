import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { root } from '../../house/imports.ts';

const programs = { prometheus: '/usr/bin/prometheus', promtool: '/usr/bin/promtool' };

/** Debian's Prometheus, installed first where a script may do that; undefined, and said aloud, where there is none. */
export async function findPrometheus(): Promise<typeof programs | undefined> {
  const isThere = (): boolean => Object.values(programs).every((program) => existsSync(program));
  if (isThere()) return programs;
  const script = ['scripts/prometheus.ts'];
  await once(spawn(process.execPath, script, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }), 'exit');
  if (isThere()) return programs;
  process.stderr.write('SKIPPED: tests of rules and dashboards, for there is no Prometheus here.\n');
  return undefined;
}
