import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { publishedCheckpoint, trainedOn } from '@qwenfleet/runtime/fixtures/checkpoint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { importImage } from '../harness/cluster/images.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { modelsVolume } from '../harness/cluster/models-volume.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { loadThroughRouter } from '../harness/cluster/router-load.ts';
import { command } from '../harness/command.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';
import { SteadyLoad } from '../harness/steady-load.ts';
import { root } from '../house/imports.ts';

type Pod = {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  status: { podIP?: string; containerStatuses?: { restartCount: number }[] };
};

const hardware = `
apiVersion: qwenfleet.io/v1alpha1
kind: HardwareClass
metadata: {name: cpu}
spec: {resources: {cpu: 100m, memory: 1Gi}, maxConcurrency: 4, contextLength: 128, threads: 1}
`;
const fleet = (weights: string, contextLength = 128): string => `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: chat}
spec:
  tier: small
  model: {uri: "pvc://models/${weights}"}
  quantization: int8
  hardware: {class: cpu, count: 1}
  replicas: 2
  engine: {contextLength: ${contextLength}}
  drain: {preStop: 1s, gracePeriod: 15s}
  rollout: {maxSurge: 1}
---
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: router}
spec: {}
`;

describe.skipIf(await nodeMissing())('new weights for pods that are under load', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  let folder: string;
  let images: { runtime: string; router: string };
  let load: SteadyLoad;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-hot-'));
    const built = await command(process.execPath, ['scripts/images/main.ts', '--out', folder, 'router', 'runtime'], {
      cwd: root,
      timeoutMs: 300_000,
    });
    expect(built.stderr).toBe('');
    const models = path.join(folder, 'models');
    const one = publishedCheckpoint('qwen3');
    const weights = { one, two: trainedOn(one), three: trainedOn(trainedOn(one)), wide: publishedCheckpoint('llama') };
    for (const [name, from] of Object.entries(weights)) cpSync(from, path.join(models, name), { recursive: true });
    for (const name of [folder, models, ...Object.keys(weights).map((each) => path.join(models, each))]) {
      chmodSync(name, 0o755);
    }
    cluster = await startCluster({ node: true });
    images = {
      runtime: await importImage(cluster, path.join(folder, 'runtime.tar')),
      router: await importImage(cluster, path.join(folder, 'router.tar')),
    };
    await installCrds(cluster);
    await kubectl(cluster, ['apply', '-f', '-'], hardware);
    await kubectl(cluster, ['apply', '-f', '-'], modelsVolume(models));
    operator = await start();
    await apply('one');
    await until(isDone);
    load = await loadThroughRouter(cluster, 'chat');
  });
  afterAll(async () => {
    await load?.stop();
    await operator?.stop();
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const start = (): Promise<RunningOperator> =>
    startOperator(cluster, { QWENFLEET_ROUTER_IMAGE: images.router, QWENFLEET_RUNTIME_IMAGE: images.runtime });
  const apply = (weights: string, contextLength?: number): Promise<string> =>
    kubectl(cluster, ['apply', '-f', '-'], fleet(weights, contextLength));
  const statusOf = async (): Promise<QwenDeploymentStatus> =>
    (await get<{ status?: QwenDeploymentStatus }>(cluster, 'qd', 'chat'))?.status ?? {};
  const revisionOf = async (): Promise<string> => (await statusOf()).rollout?.currentRevision ?? '';
  const isDone = ({ rollout, readyReplicas, replicas }: QwenDeploymentStatus): boolean =>
    rollout?.currentRevision !== undefined &&
    rollout.updateRevision === undefined &&
    readyReplicas === 2 &&
    replicas === 2;
  const until = async (isSo: (status: QwenDeploymentStatus) => boolean): Promise<QwenDeploymentStatus> => {
    try {
      return await eventually(statusOf, isSo, 240_000, 250);
    } catch (error) {
      throw new Error(await whatHappened(), { cause: error });
    }
  };
  const whatHappened = async (): Promise<string> => {
    const commands = [
      ['get', 'pods,qd,qr,deployments,configmaps', '-o', 'wide'],
      ['get', 'qd', 'chat', '-o', 'yaml'],
      ['get', 'events'],
    ];
    const said = await Promise.all(commands.map((args) => cluster.kubectl(args)));
    return said.map(({ stdout, stderr }) => stdout + stderr).join('\n');
  };
  const pods = async (): Promise<Pod[]> =>
    (await list<Pod>(cluster, 'pods', '-l', 'qwenfleet.io/deployment=chat')).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
  const uids = async (): Promise<string[]> => (await pods()).map(({ metadata }) => metadata.uid).toSorted();
  const restarts = async (): Promise<number> =>
    (await pods()).reduce((sum, { status }) => sum + (status.containerStatuses?.[0]?.restartCount ?? 0), 0);
  /** Brings other weights while clients ask all the time, and gives what they got. */
  const under = async (change: () => Promise<unknown>): Promise<{ texts: string[]; failed: string[] }> => {
    const before = await revisionOf();
    load.start();
    await change();
    await until((status) => isDone(status) && status.rollout?.currentRevision !== before);
    const answers = await load.stop();
    expect(answers.length).toBeGreaterThan(20);
    return {
      texts: [...new Set(answers.filter(({ ok }) => ok).map(({ text }) => text))],
      failed: answers.filter(({ ok }) => !ok).map(({ why }) => why),
    };
  };

  it('come into their running engines: no pod is another, none restarts, and no request is lost', async () => {
    const [first, before] = [await revisionOf(), await uids()];
    const { text: old } = await load.ask();
    const { texts, failed } = await under(() => apply('two'));
    const { text: fresh } = await load.ask();
    expect(failed).toEqual([]);
    expect(fresh).not.toBe(old);
    expect(texts.toSorted()).toEqual([old, fresh].toSorted());
    expect(await uids()).toEqual(before);
    expect(await restarts()).toBe(0);
    const { rollout } = await statusOf();
    expect(rollout?.replicas).toEqual([{ revision: rollout?.currentRevision, replicas: 2, weight: 100, host: first }]);
    expect(rollout?.history?.[0]).toMatchObject({ revision: first, outcome: 'Replaced' });
    const events = await list<{ reason: string; note: string }>(cluster, 'events.events.k8s.io');
    expect(events.find(({ reason }) => reason === 'RolloutStarted')?.note).toContain('inside the running engines');
  });

  it('are what a pod that comes later begins with', async () => {
    const { text: wanted } = await load.ask();
    const [gone] = await pods();
    await kubectl(cluster, ['delete', 'pod', gone?.metadata.name ?? '']);
    const fresh = await eventually(
      async () => (await pods()).find(({ metadata, status }) => metadata.uid !== gone?.metadata.uid && status.podIP),
      (pod) => pod !== undefined,
      60_000,
      200,
    );
    const alone = new SteadyLoad(`http://${fresh?.status.podIP}:8000`, 'chat');
    const { text } = await eventually(
      () => alone.ask(),
      ({ ok }) => ok,
      60_000,
      100,
    );
    expect(text).toBe(wanted);
    await until(isDone);
  });

  it('go on while the operator is killed in the middle', async () => {
    const before = await uids();
    const { failed } = await under(async () => {
      await apply('three');
      await until(({ rollout }) => rollout?.hot?.loadedAt !== undefined);
      await operator.kill();
      operator = await start();
    });
    expect(failed).toEqual([]);
    expect(await uids()).toEqual(before);
    expect(await restarts()).toBe(0);
  });

  it('of another shape come with new pods, and the old workload goes', async () => {
    const before = await uids();
    const { failed } = await under(() => apply('wide'));
    expect(failed).toEqual([]);
    expect((await uids()).filter((uid) => before.includes(uid))).toEqual([]);
    const { rollout } = await statusOf();
    expect(rollout?.replicas?.[0]).not.toHaveProperty('host');
    await eventually(
      () => list(cluster, 'deployments', '-l', 'qwenfleet.io/deployment=chat'),
      (left) => left.length === 1,
      60_000,
      200,
    );
    const models = await list<{ metadata: { name: string } }>(cluster, 'configmaps');
    expect(models.filter(({ metadata }) => metadata.name.endsWith('-model'))).toEqual([]);
  });

  it('beside which anything else changes come with new pods too', async () => {
    const before = await uids();
    const { failed } = await under(() => apply('two', 96));
    expect(failed).toEqual([]);
    expect((await uids()).filter((uid) => before.includes(uid))).toEqual([]);
  });
});
