import { chmodSync, cpSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pull } from '@qwenfleet/runtime/source/pull';
import { readSourceConfig } from '@qwenfleet/runtime/config';
import { streamChat, user } from '../harness/chat.ts';
import { chart } from '../harness/charts.ts';
import { nodeMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { importImage } from '../harness/cluster/images.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { modelsVolume } from '../harness/cluster/models-volume.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { command } from '../harness/command.ts';
import { cacheDir, eventually } from '../harness/fleet.ts';
import { helm, helmMissing } from '../harness/helm.ts';
import { demoWeights } from '../harness/small-pool.ts';
import { root } from '../house/imports.ts';

const question = user('What is the capital of France?');

/** Two cores for everything: the class of this node asks for little. */
const hardware = `
apiVersion: qwenfleet.io/v1alpha1
kind: HardwareClass
metadata: {name: cpu}
spec: {resources: {cpu: 300m, memory: 1Gi}, maxConcurrency: 4, contextLength: 1024, threads: 2}
`;
const tenLines = `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: qwen-7b}
spec:
  tier: small
  model: {uri: "pvc://models/SmolLM2-135M-Instruct.Q4_1.gguf"}
  quantization: int8
  hardware: {class: cpu, count: 1}
  scaling: {minReplicas: 0, maxReplicas: 1, scaleToZeroAfter: 15s, scaleDownDelay: 1s, window: {stable: 6s, panic: 2s}}
  drain: {preStop: 1s, gracePeriod: 20s}
---
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: router}
spec: {}
`;

describe.skipIf((await nodeMissing()) ?? (await helmMissing))('kubectl apply on a real node', () => {
  let cluster: Cluster;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-fleet-'));
    const images = path.join(folder, 'images');
    const built = await command(process.execPath, ['scripts/images/main.ts', '--out', images], {
      cwd: root,
      timeoutMs: 300_000,
    });
    expect(built.code).toBe(0);
    const file = await pull(demoWeights, readSourceConfig(cacheDir));
    const models = path.join(folder, 'models');
    cpSync(file, path.join(models, path.basename(file)));
    for (const readable of [folder, models, path.join(models, path.basename(file))]) chmodSync(readable, 0o755);
    cluster = await startCluster({ node: true });
    for (const tar of globSync(`${images}/*.tar`)) await importImage(cluster, tar);
    await kubectl(cluster, ['apply', '-f', '-'], modelsVolume(models));
    const kubeconfig = ['--kubeconfig', cluster.kubeconfig];
    const crds = await helm(['install', 'crds', chart('qwenfleet-crds'), '--wait', ...kubeconfig]);
    expect(crds.stderr).toBe('');
    const settings = [
      '--set',
      'images.registry=docker.io/local',
      '--set',
      'hardwareClasses.create=false',
      '--set',
      'writeQps=50',
    ];
    const installed = await helm([
      'install',
      'qwenfleet',
      chart('qwenfleet'),
      '--wait',
      '--timeout',
      '120s',
      ...settings,
      ...kubeconfig,
    ]);
    if (installed.code !== 0) throw new Error(`${installed.stderr}\n${await whatHappened()}`);
    await kubectl(cluster, ['apply', '-f', '-'], hardware);
  });
  afterAll(async () => {
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const whatHappened = async (): Promise<string> => {
    const commands = [
      ['get', 'pods,qd,qr', '-o', 'wide'],
      ['get', 'events'],
      ['logs', '-l', 'app.kubernetes.io/component=operator', '--tail=40'],
      ['logs', '-l', 'app.kubernetes.io/component=router', '--tail=40'],
      ['describe', 'qd'],
    ];
    const said = await Promise.all(commands.map(async (args) => cluster.kubectl(args)));
    return said.map(({ stdout, stderr }) => stdout + stderr).join('\n');
  };
  const must = async (args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(args);
    if (code !== 0) throw new Error(`${stderr}\n${await whatHappened()}`);
    return stdout;
  };
  const pods = async (): Promise<number> =>
    (await list(cluster, 'pods', '-l', 'qwenfleet.io/deployment=qwen-7b')).length;

  it('makes a pool Ready in a real pod of the real runtime, from ten lines', async () => {
    await kubectl(cluster, ['apply', '-f', '-'], tenLines);
    await must(['wait', '--for=condition=Ready', '--timeout=240s', 'qd/qwen-7b']);
    await must(['wait', '--for=condition=Ready', '--timeout=60s', 'qr/router']);
    url = `http://${await must(['get', 'service', 'router', '-o', 'jsonpath={.spec.clusterIP}'])}:8080`;
    process.stdout.write(await must(['get', 'qd,qr']));
  });

  it('answers a completion through the router’s Service', async () => {
    await eventually(
      async () => (await fetch(`${url}/v1/models`).then((response) => response.text())).includes('qwen-7b'),
      Boolean,
      30_000,
      200,
    );
    const answer = await streamChat(url, { model: 'auto', messages: [question], temperature: 0, max_tokens: 24 });
    expect(answer.text).toContain('Paris');
    expect(answer.headers.get('x-qwenfleet-pool')).toBe('qwen-7b');
  });

  it('passes helm test, which is one real completion from a pod', async () => {
    const kubeconfig = ['--kubeconfig', cluster.kubeconfig];
    // There is no DNS in this cluster, so the test pod is told the address.
    const upgraded = await helm([
      'upgrade',
      'qwenfleet',
      chart('qwenfleet'),
      '--reuse-values',
      '--set',
      `test.url=${url}`,
      ...kubeconfig,
    ]);
    expect(upgraded.code).toBe(0);
    const { code, stdout, stderr } = await helm(['test', 'qwenfleet', '--timeout', '90s', ...kubeconfig]);
    expect(`${code} ${stderr}`).toBe('0 ');
    expect(stdout).toContain('Succeeded');
  });

  it('has no pod when nobody asks, and holds the next requests until one is back', async () => {
    await eventually(pods, (count) => count === 0, 120_000, 500);
    const conditions = (
      await get<{ status: { conditions: { type: string; reason: string }[] } }>(cluster, 'qd', 'qwen-7b')
    )?.status.conditions;
    expect(conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('ScaledToZero');
    const asked = Array.from({ length: 6 }, () =>
      streamChat(url, { model: 'qwen-7b', messages: [question], temperature: 0, max_tokens: 16 }),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ status, text }) => `${status} ${text.includes('Paris')}`)).toEqual(
      Array.from({ length: 6 }, () => '200 true'),
    );
    expect(await pods()).toBe(1);
  });

  it('serves while the operator and the API server are away', async () => {
    await cluster.kill('apiserver');
    const answer = await streamChat(url, { model: 'qwen-7b', messages: [question], temperature: 0, max_tokens: 16 });
    expect(answer.text).toContain('Paris');
    await cluster.start('apiserver');
    await eventually(
      async () => (await cluster.kubectl(['get', '--raw', '/readyz'])).code,
      (code) => code === 0,
      120_000,
      300,
    );
  });
});
