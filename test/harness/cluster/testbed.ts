import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { root } from '../../house/imports.ts';
import { command } from '../command.ts';

/** The scripts and Go module of a real control plane; its README says what they do. */
export const testbedFolder = path.join(root, 'test/harness/cluster/testbed');
export const script = (name: string): string => path.join(testbedFolder, name);

const buildTimeoutSeconds = 25 * 60;
const progressEveryMs = 30_000;

/** Where the binaries of this version of the testbed are kept, for every checkout of this user. */
export async function testbedCache(): Promise<string> {
  const given = process.env['QWENFLEET_TESTBED_CACHE'];
  const { code, stdout, stderr } = await command(script('build.sh'), ['--key']);
  if (code !== 0) throw new Error(`build.sh --key: ${stderr}`);
  return path.join(given ?? path.join(homedir(), '.cache/qwenfleet'), `testbed-${stdout.trim()}`);
}

const keyIn = (folder: string): string => {
  const file = path.join(folder, 'key');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
};

/** Whether build.sh has finished here. Its last act is to write the key. */
export const isBuilt = (cache: string): boolean => path.basename(cache) === `testbed-${keyIn(cache)}`;

/** Builds what is missing, once for all processes of this machine. Throws with the end of the build's output. */
export async function buildTestbed(cache: string): Promise<void> {
  if (isBuilt(cache)) return;
  mkdirSync(path.dirname(cache), { recursive: true });
  process.stderr.write(`Building a Kubernetes for the cluster tests, once: up to 7 minutes on two cores ...\n`);
  const startedMs = performance.now();
  const minutes = (): string => ((performance.now() - startedMs) / 60_000).toFixed(1);
  const timer = setInterval(
    () => process.stderr.write(`  Kubernetes is being built, ${minutes()} min so far\n`),
    progressEveryMs,
  );
  try {
    await build(cache);
  } finally {
    clearInterval(timer);
  }
  process.stderr.write(`Built a Kubernetes in ${minutes()} min.\n`);
}

/** timeout(1) is the leader of a group of its own, so a build that takes too long ends with all its compilers. */
function build(cache: string): Promise<void> {
  const seconds = String(buildTimeoutSeconds);
  const args = ['--timeout', seconds, `${cache}.lock`, 'timeout', seconds, 'nice', script('build.sh'), cache];
  return new Promise((resolve, reject) => {
    const child = spawn('flock', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`the build ended with ${code}:\n${said}`))));
  });
}
