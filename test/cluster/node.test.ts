import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runtimeConfigSchema } from '@qwenfleet/core/fleet/runtime-config';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishedCheckpoint } from '../harness/checkpoints.ts';
import { nodeMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { importImage } from '../harness/cluster/images.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { command } from '../harness/command.ts';
import { eventually } from '../harness/fleet.ts';
import { processes } from '../harness/processes.ts';
import { root } from '../house/imports.ts';

/** Rooms that an image starts. */
const rooms = ['runtime', 'router', 'operator'].filter((room) => existsSync(path.join(root, room, 'main.ts')));

/** What Pod Security admission calls restricted, and a root folder that nobody can write to. */
const security = {
  pod: { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
  container: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
};

type PodParts = { container: object; volumes?: object[]; graceSeconds?: number };
const podObject = (name: string, { container, volumes = [], graceSeconds = 30 }: PodParts): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: graceSeconds,
    securityContext: security.pod,
    volumes: [{ name: 'tmp', emptyDir: {} }, ...volumes],
    containers: [{ name: 'main', imagePullPolicy: 'Never', securityContext: security.container, ...container }],
  },
});
const tmp = { name: 'tmp', mountPath: '/tmp' };

/** The byte that this cluster's networks, interface and cgroups are named by. */
const numberOf = (dataDir: string): string => readFileSync(path.join(dataDir, 'n'), 'utf8').trim();

/** Interfaces, mounts and cgroups of a cluster on this machine. */
async function traces(dataDir: string, number: string): Promise<string[]> {
  const links = (await command('ip', ['-o', 'link', 'show', `testbed${number}`])).stdout.split('\n');
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const groups = readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' });
  return [
    ...links.filter((line) => line !== ''),
    ...mounts.filter((line) => line.includes(dataDir)),
    ...groups.filter((name) => name.split('/').includes(`testbed${number}`)),
  ];
}

describe.skipIf(await nodeMissing())('pods of our images on a real node', () => {
  let cluster: Cluster;
  let folder: string;
  let checkpoint: string;
  const images: Record<string, string> = {};

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-images-'));
    const built = await command(process.execPath, ['scripts/images/main.ts', '--out', folder], {
      cwd: root,
      timeoutMs: 300_000,
    });
    expect(built.stderr).toBe('');
    checkpoint = publishedCheckpoint('qwen3');
    // The pod's user is not the one who made it.
    chmodSync(path.dirname(checkpoint), 0o755);
    cluster = await startCluster({ node: true });
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.tar')))
      images[path.basename(file, '.tar')] = await importImage(cluster, path.join(folder, file));
  });
  afterAll(async () => {
    await cluster?.stop();
    for (const left of [folder, checkpoint && path.dirname(checkpoint)]) if (left) rmSync(left, { recursive: true });
  });

  const run = (...args: string[]): Promise<string> => kubectl(cluster, args);
  const create = (object: object): Promise<string> => kubectl(cluster, ['create', '-f', '-'], object);
  const ready = (pod: string): Promise<string> => run('wait', `pod/${pod}`, '--for=condition=Ready', '--timeout=110s');

  it('have the tag of the version', () => {
    expect(images['runtime']).toBe('docker.io/local/runtime:0.1.0');
    expect(Object.keys(images)).toContain('router');
  });

  it('become Ready, are logged, can be looked into, and end gracefully', async () => {
    const script = `
      process.on('SIGTERM', () => { console.log('asked to end'); setTimeout(() => { console.log('ended'); process.exit(0); }, 1500); });
      require('node:http').createServer((_, response) => response.end('here')).listen(8000, () => console.log('listening'));
      setInterval(() => {}, 1000);`;
    const probe = { httpGet: { path: '/', port: 8000 }, periodSeconds: 1 };
    const container = { image: images['router'], command: ['node', '-e', script], readinessProbe: probe };
    await create(podObject('plain', { container }));
    await ready('plain');
    expect(await run('logs', 'plain')).toBe('listening\n');
    expect(await run('exec', 'plain', '--', 'node', '-p', 'process.getuid()')).toBe('65532\n');
    const following = cluster.kubectl(['logs', '--follow', 'plain']);
    await run('delete', 'pod', 'plain');
    expect((await following).stdout).toBe('listening\nasked to end\nended\n');
  });

  it.each(rooms)('hold everything that the %s imports', async (name) => {
    const container = { image: images[name], env: [{ name: 'HOME', value: '/tmp' }], volumeMounts: [tmp] };
    await create(podObject(`bare-${name}`, { container, graceSeconds: 1 }));
    const look = async (): Promise<string> => (await cluster.kubectl(['logs', `bare-${name}`])).stdout;
    // Its first line: that it was told nothing, which it says after all its modules were loaded, or what it lacks.
    const said = await eventually(look, (text) => text.includes('\n'), 110_000, 500);
    expect(said).not.toMatch(/ERR_(MODULE|PACKAGE|UNSUPPORTED)|SyntaxError|Cannot find/);
    await run('delete', 'pod', `bare-${name}`);
  });

  describe('the runtime', () => {
    let url: string;

    beforeAll(async () => {
      const config = {
        servedName: 'tiny',
        model: { uri: 'file:///models/Tiny' },
        quantization: 'float32',
        listen: { host: '0.0.0.0', port: 8000 },
        cacheDir: '/tmp/qwenfleet',
        engine: { contextLength: 256 },
      };
      runtimeConfigSchema.parse(config);
      await run('create', 'configmap', 'tiny', `--from-literal=runtime.json=${JSON.stringify(config)}`);
      const container = {
        image: images['runtime'],
        args: ['--config', '/etc/qwenfleet/runtime.json'],
        env: [{ name: 'HOME', value: '/tmp' }],
        ports: [{ name: 'http', containerPort: 8000 }],
        readinessProbe: { httpGet: { path: '/health/ready', port: 'http' }, periodSeconds: 1 },
        volumeMounts: [
          tmp,
          { name: 'config', mountPath: '/etc/qwenfleet', readOnly: true },
          { name: 'model', mountPath: '/models/Tiny', readOnly: true },
        ],
      };
      const volumes = [
        { name: 'config', configMap: { name: 'tiny' } },
        { name: 'model', hostPath: { path: checkpoint, type: 'Directory' } },
      ];
      await create(podObject('tiny', { container, volumes }));
      await run('expose', 'pod', 'tiny', '--port=80', '--target-port=http');
      await ready('tiny');
      url = `http://${await run('get', 'service', 'tiny', '-o', 'jsonpath={.spec.clusterIP}')}`;
    });

    const ask = (body: object): Promise<Response> =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hello' }], ...body }),
      });

    it('answers through its Service, the same twice', async () => {
      const answer = async (): Promise<unknown> => {
        const response = await ask({ max_tokens: 12, temperature: 0 });
        expect(response.status).toBe(200);
        const { model, choices, usage } = (await response.json()) as {
          model: string;
          choices: { message: { content: string } }[];
          usage: { completion_tokens: number };
        };
        expect(model).toBe('tiny');
        expect(usage.completion_tokens).toBeGreaterThan(0);
        return choices[0]?.message;
      };
      expect(await answer()).toEqual(await answer());
    });

    it('finishes what it streams when its pod is deleted', async () => {
      const response = await ask({ max_tokens: 180, temperature: 0, stream: true });
      const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
      const decoder = new TextDecoder();
      let text = decoder.decode((await reader.read()).value);
      const deleted = run('delete', 'pod', 'tiny');
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value);
      await deleted;
      expect(response.status).toBe(200);
      expect(text.trimEnd().slice(-100)).toMatch(/data: \[DONE\]$/);
    });
  });

  it('leave nothing on the machine when the cluster has stopped', async () => {
    const number = numberOf(cluster.dataDir);
    expect((await traces(cluster.dataDir, number)).length).toBeGreaterThan(1);
    await cluster.stop();
    expect(await traces(cluster.dataDir, number)).toEqual([]);
    expect(processes().filter((entry) => entry.command.includes(cluster.dataDir))).toEqual([]);
    expect(existsSync(cluster.dataDir)).toBe(false);
  });
});

describe.skipIf(await nodeMissing())('a test process with a real node that is killed', () => {
  it('takes pods, mounts and interfaces with it', async () => {
    const module = JSON.stringify(path.join(root, 'test/harness/cluster/cluster.ts'));
    const script = `const { startCluster } = await import(${module}); process.stdout.write((await startCluster({ node: true })).dataDir); setInterval(() => {}, 1000)`;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(owner.stdout, 'data')) as [Buffer];
    const dataDir = chunk.toString();
    const number = numberOf(dataDir);
    expect((await traces(dataDir, number)).length).toBeGreaterThan(1);
    owner.kill('SIGKILL');
    const gone = (): boolean =>
      !existsSync(dataDir) && !processes().some(({ command: line }) => line.includes(dataDir));
    await eventually(async () => gone(), Boolean, 60_000);
    expect(await traces(dataDir, number)).toEqual([]);
  });
});
