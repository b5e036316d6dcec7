import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { importImage } from '../harness/cluster/images.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { loadThroughRouter } from '../harness/cluster/router-load.ts';
import { command } from '../harness/command.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';
import type { SteadyLoad, Answered } from '../harness/steady-load.ts';
import { root } from '../house/imports.ts';

type Pool = { status?: QwenDeploymentStatus };

/**
 * A server that fails the share of requests that it is told to: half of them with a 500, which a router may ask another
 * replica about, half in the middle of a stream, which nobody can hide from the client.
 */
const server = `
const share = Number(process.env.FAILING_PERCENT) / 100;
let asked = 0;
const chunk = (content, reason = null) => 'data: ' + JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1,
  model: 'm', choices: [{ index: 0, delta: content ? { content } : {}, finish_reason: reason }] }) + '\\n\\n';
require('node:http').createServer((request, response) => {
  if (request.method !== 'POST') return response.end('{}');
  request.resume().on('end', () => {
    asked += 1;
    const fails = Math.floor(asked * share) > Math.floor((asked - 1) * share);
    if (fails && asked % 4 === 0) {
      response.writeHead(500, { 'content-type': 'application/json' });
      return response.end('{"error":{"message":"broken","type":"server_error"}}');
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk('Hello'));
    setTimeout(() => {
      if (fails) return response.destroy();
      response.end(chunk('', 'stop') + 'data: [DONE]\\n\\n');
    }, 20);
  });
}).listen(8000);
process.on('SIGTERM', () => setTimeout(() => process.exit(0), 500));
`;

const weight = 20;
const hardware = `
apiVersion: qwenfleet.io/v1alpha1
kind: HardwareClass
metadata: {name: cpu}
spec: {resources: {cpu: 50m, memory: 128Mi}, maxConcurrency: 16, contextLength: 1024, threads: 1}
`;
const canary = {
  strategy: 'Canary',
  canary: { steps: [{ weight, pause: '15s' }], analysis: { maxErrorRatio: '0.02', minRequests: 40 } },
};
const byHeader = { abTest: { weight: 50, header: { name: 'x-try', value: 'new' }, minRequests: 10 } };
/** The share of requests that fail is a field of the revision, as a bad build of an engine would be. */
const fleet = (image: string, failingPercent: number, build: number, rollout: object = canary): object[] => [
  {
    apiVersion: 'qwenfleet.io/v1alpha1',
    kind: 'QwenDeployment',
    metadata: { name: 'chat' },
    spec: {
      tier: 'small',
      model: { uri: 'hf://Qwen/Qwen3-0.6B' },
      quantization: 'int8',
      hardware: { class: 'cpu', count: 1 },
      replicas: 2,
      engine: {
        image,
        env: [
          { name: 'FAILING_PERCENT', value: String(failingPercent) },
          { name: 'BUILD', value: String(build) },
        ],
      },
      drain: { preStop: '2s', gracePeriod: '15s' },
      podTemplate: { spec: { containers: [{ name: 'engine', command: ['node', '-e', server], args: [] }] } },
      rollout: { maxSurge: 1, ...rollout },
    },
  },
  { apiVersion: 'qwenfleet.io/v1alpha1', kind: 'QwenRouter', metadata: { name: 'router' }, spec: {} },
];

describe.skipIf(await nodeMissing())('a canary under load, in real pods behind a real router', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  let folder: string;
  let image: string;
  let load: SteadyLoad;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-canary-'));
    const built = await command(process.execPath, ['scripts/images/main.ts', '--out', folder, 'router'], {
      cwd: root,
      timeoutMs: 300_000,
    });
    expect(built.stderr).toBe('');
    cluster = await startCluster({ node: true });
    image = await importImage(cluster, path.join(folder, 'router.tar'));
    await installCrds(cluster);
    await kubectl(cluster, ['apply', '-f', '-'], hardware);
    operator = await startOperator(cluster, { QWENFLEET_ROUTER_IMAGE: image });
    await apply(0, 1);
    await until(({ rollout, readyReplicas }) => readyReplicas === 2 && rollout?.updateRevision === undefined);
    await eventually(
      async () => (await cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=1s', 'qr/router'])).code,
      (code) => code === 0,
      60_000,
      500,
    ).catch(async (cause: unknown) => Promise.reject(new Error(await whatHappened(), { cause })));
    load = await loadThroughRouter(cluster, 'chat');
  });
  afterAll(async () => {
    await load?.stop();
    await operator?.stop();
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const apply = async (failingPercent: number, build: number, rollout?: object): Promise<void> => {
    await kubectl(cluster, ['apply', '-f', '-'], {
      apiVersion: 'v1',
      kind: 'List',
      items: fleet(image, failingPercent, build, rollout),
    });
  };
  const statusOf = async (): Promise<QwenDeploymentStatus> => (await get<Pool>(cluster, 'qd', 'chat'))?.status ?? {};
  const until = async (isSo: (status: QwenDeploymentStatus) => boolean): Promise<QwenDeploymentStatus> => {
    try {
      return await eventually(statusOf, isSo, 150_000, 250);
    } catch (error) {
      throw new Error(await whatHappened(), { cause: error });
    }
  };
  const whatHappened = async (): Promise<string> => {
    const commands = [
      ['get', 'pods,qd,qr', '-o', 'wide'],
      ['describe', 'qd,qr'],
      ['get', 'events'],
      ['logs', '-l', 'app.kubernetes.io/component=router', '--tail=20'],
    ];
    const said = await Promise.all(commands.map((args) => cluster.kubectl(args)));
    return `${said.map(({ stdout, stderr }) => stdout + stderr).join('\n')}\n${operator.log().slice(-4000)}`;
  };
  const of = (answers: readonly Answered[], revision: string): Answered[] =>
    answers.filter((answer) => answer.revision === revision);

  it('that returns errors is taken back by itself, and no request beyond its share has failed', async () => {
    const { rollout: before } = await statusOf();
    const stable = before?.currentRevision ?? '';
    load.start();
    await apply(50, 2);
    const { rollout: coming } = await until(({ rollout }) => rollout?.updateRevision !== undefined);
    const canary = coming?.updateRevision ?? '';
    const { rollout: back } = await until(({ rollout }) => rollout?.rejected?.revision === canary);
    const { step, history, rejected } = back ?? {};
    expect(rejected).toMatchObject({ reason: 'ErrorRatioTooHigh' });
    // It has not come through its first analysis, so this was within two.
    expect([step, history?.[0]?.outcome]).toEqual([0, 'RolledBack']);
    await until(({ replicas, readyReplicas }) => replicas === 2 && readyReplicas === 2);
    const later = load.answers.length;
    await eventually(
      async () => load.answers.length,
      (count) => count > later + 100,
      60_000,
      200,
    );
    const answers = await load.stop();
    const failed = answers.filter(({ ok }) => !ok);
    const given = of(answers, canary);
    process.stdout.write(
      `canary, 50 % failing, ${weight} % of the traffic: ${answers.length} requests, ${given.length} to it, ${failed.length} failed\n`,
    );
    expect(given.length).toBeGreaterThan(0);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.filter(({ revision }) => revision !== canary)).toEqual([]);
    expect(failed.length).toBeLessThanOrEqual(given.length);
    expect(given.length / answers.length).toBeLessThan(weight / 100);
    expect(of(answers.slice(later), canary)).toEqual([]);
    expect((await statusOf()).rollout?.currentRevision).toBe(stable);
    const events = await list<{ reason: string; regarding: { name: string } }>(cluster, 'events.events.k8s.io');
    expect(events.map(({ reason }) => reason)).toContain('ErrorRatioTooHigh');
  });

  it('that answers well is promoted, and no request fails', async () => {
    load.start();
    await apply(0, 3);
    const { rollout: coming } = await until(({ rollout }) => rollout?.updateRevision !== undefined);
    const canary = coming?.updateRevision ?? '';
    await until(
      ({ rollout, replicas, readyReplicas }) =>
        rollout?.currentRevision === canary &&
        rollout.updateRevision === undefined &&
        replicas === 2 &&
        readyReplicas === 2,
    );
    const answers = await load.stop();
    const given = of(answers, canary);
    process.stdout.write(`canary, good: ${answers.length} requests, ${given.length} to it\n`);
    expect(answers.filter(({ ok }) => !ok)).toEqual([]);
    expect(given.length).toBeGreaterThan(40);
  });

  it('that is on trial by a header answers whoever sends it and nobody else, until it is taken back', async () => {
    await apply(0, 3, byHeader);
    await apply(0, 4, byHeader);
    const { rollout } = await until(({ rollout: seen }) => seen?.stepStartedAt !== undefined);
    const { currentRevision: old = '', updateRevision: fresh = '' } = rollout ?? {};
    await eventually(
      () => load.ask({ 'x-try': 'new' }),
      ({ revision }) => revision === fresh,
      30_000,
      200,
    );
    const tried = await inTurn(24, () => load.ask({ 'x-try': 'new' }));
    const others = [...(await inTurn(24, () => load.ask())), ...(await inTurn(4, () => load.ask({ 'x-try': 'old' })))];
    const seenBy = (answers: readonly Answered[]): string[] => [
      ...new Set(answers.map(({ revision, ok }) => `${revision} ${ok}`)),
    ];
    expect(seenBy(tried)).toEqual([`${fresh} true`]);
    expect(seenBy(others)).toEqual([`${old} true`]);
    const compared = await until(({ rollout: seen }) => (seen?.abTest?.new.requests ?? 0) >= 24);
    expect(compared.rollout?.abTest).toMatchObject({
      old: { revision: old, errors: 0 },
      new: { revision: fresh, errors: 0 },
    });
    await kubectl(cluster, ['annotate', 'qd/chat', `qwenfleet.io/abort=${fresh}`]);
    await until(({ rollout: seen }) => seen?.currentRevision === old && seen.updateRevision === undefined);
    expect((await inTurn(4, () => load.ask({ 'x-try': 'new' }))).map(({ ok }) => ok)).toEqual([true, true, true, true]);
  });
});

async function inTurn<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  while (done.length < count) done.push(await work());
  return done;
}
