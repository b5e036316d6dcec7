import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { publishedCheckpoint } from '../harness/checkpoints.ts';
import { eventually, freePort, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { alive, descendants } from '../harness/processes.ts';
import { smallPool } from '../harness/small-pool.ts';
import { root } from '../house/imports.ts';

let fleet: RunningFleet | undefined;
afterEach(async () => {
  await fleet?.stop();
  fleet = undefined;
});

/** Runs the command line to its end. */
async function qwenfleet(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['cli/main.ts', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number];
  return { code, ...said };
}

describe('stopping', () => {
  it('with Ctrl-C ends every process within five seconds', async () => {
    fleet = await startFleet();
    const children = descendants(fleet.process.pid ?? 0);
    expect(children.length).toBeGreaterThanOrEqual(2);
    const tookMs = await fleet.stop();
    expect(tookMs).toBeLessThan(5_000);
    expect(await fleet.exited).toBe(0);
    expect(children.filter((child) => alive(child.pid))).toEqual([]);
  });

  it('with kill -9 leaves nothing running either', async () => {
    const checkpoint = publishedCheckpoint();
    const file = path.join(path.dirname(checkpoint), 'fleet.yaml');
    writeFileSync(file, smallPool(`file://${checkpoint}`, { quantization: 'float32' }));
    fleet = await startFleet({ args: ['--fleet', file] });
    const children = descendants(fleet.process.pid ?? 0);
    expect(children.length).toBeGreaterThanOrEqual(2);
    fleet.process.kill('SIGKILL');
    await eventually(
      async () => children.filter((child) => alive(child.pid)),
      (left) => left.length === 0,
      5_000,
    );
  });
});

describe('a start that cannot work', () => {
  it('names the port that is taken, and how to take another', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const { code, stderr } = await qwenfleet('up', '--profile', 'demo', '--port', String(port));
    server.close();
    expect(code).not.toBe(0);
    expect(stderr).toContain(String(port));
    expect(stderr).toContain('--port');
  });

  it.each([
    ['an unknown field', 'spec: {tier: small, modle: {uri: "hf://a/b"}, hardware: {class: cpu}}', [/modle/, /model/]],
    [
      'a tier that there is not',
      'spec: {tier: huge, model: {uri: "hf://a/b"}, hardware: {class: cpu}}',
      [/tier/, /huge/, /small/],
    ],
    [
      'more replicas at least than at most',
      'spec: {tier: small, model: {uri: "hf://a/b"}, hardware: {class: cpu}, scaling: {minReplicas: 3, maxReplicas: 1}}',
      [/minReplicas|maxReplicas/],
    ],
    ['YAML that is none', 'spec: [', []],
  ])('refuses a fleet file with %s, by file and line', async (_name, spec, words) => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'qwenfleet-file-')), 'fleet.yaml');
    writeFileSync(file, `apiVersion: qwenfleet.io/v1alpha1\nkind: QwenDeployment\nmetadata: {name: small}\n${spec}\n`);
    const port = await freePort();
    const { code, stderr } = await qwenfleet('up', '--fleet', file, '--port', String(port));
    expect(code).toBe(2);
    expect(stderr).toMatch(/fleet\.yaml:\d+/);
    for (const word of words) expect(stderr).toMatch(word);
  });
});
