import { readdir, readFile } from 'node:fs/promises';
import { controlFileOf, type ControlFile } from '@qwenfleet/operator/local/control-server';
import type { LocalStatus } from '@qwenfleet/operator/local/status';
import { request } from 'undici';

/** Ports of the fleets that run on this machine, from the files that they keep while they run. */
export async function runningPorts(stateDir: string): Promise<number[]> {
  const names = await readdir(stateDir).catch(() => []);
  const ports = names.flatMap((name) => {
    const port = /^fleet-(\d+)\.json$/.exec(name)?.[1];
    return port === undefined ? [] : [Number(port)];
  });
  const alive = await Promise.all(ports.map(async (port) => isAlive((await readControl(stateDir, port))?.pid)));
  return ports.filter((_, index) => alive[index]).toSorted((a, b) => a - b);
}

/** What the control server of a fleet on this machine says; undefined when that endpoint is not one of ours. */
export async function localStatus(url: string, stateDir: string): Promise<LocalStatus | undefined> {
  const { hostname, port } = new URL(url);
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) return undefined;
  const file = await readControl(stateDir, Number(port));
  if (!file || !isAlive(file.pid)) return undefined;
  const response = await request(`${file.control}/status`, {
    headers: { authorization: `Bearer ${file.token}` },
  }).catch(() => undefined);
  if (response?.statusCode !== 200) return undefined;
  // Written by operator/local of the same version: the file is in this user's own state folder.
  return (await response.body.json()) as LocalStatus;
}

async function readControl(stateDir: string, port: number): Promise<ControlFile | undefined> {
  try {
    // Written by operator/local, see ControlServer.
    return JSON.parse(await readFile(controlFileOf(stateDir, port), 'utf8')) as ControlFile;
  } catch {
    return undefined;
  }
}

/** A fleet that was killed leaves its file behind. */
function isAlive(pid: number | undefined): boolean {
  try {
    if (pid === undefined) return false;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
