import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../house/imports.ts';

const described = path.join(root, 'test/perf/runtime/peers');
const files = ['package.json', 'package-lock.json'];

/** The peers' folder, or why there is none. */
export type Peers = { folder: string } | { missing: string };

/**
 * Installs what we are measured against into the cache folder: once for each lockfile, by its digests, without install
 * scripts and without the builds for GPUs.
 * @param install false takes only what is there already.
 */
export function installPeers(install: boolean): Peers {
  const digest = createHash('sha256')
    .update(readFileSync(path.join(described, 'package-lock.json')))
    .digest('hex');
  const folder = path.join(root, `.cache/bench-peers-${digest.slice(0, 16)}`);
  if (existsSync(folder)) return { folder };
  if (!install) return { missing: 'not installed; npm run bench:runtime installs it' };
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  for (const file of files) cpSync(path.join(described, file), path.join(partial, file));
  // Not `ci`, which wants the builds of every platform in the lockfile; what is in it keeps its version and its digest.
  const npm = spawnSync('npm', ['install', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'], {
    cwd: partial,
    encoding: 'utf8',
  });
  if (npm.status !== 0) {
    rmSync(partial, { recursive: true, force: true });
    return { missing: `npm could not install it: ${npm.stderr?.trim().split('\n')[0] ?? String(npm.error)}` };
  }
  renameSync(partial, folder);
  return { folder };
}
