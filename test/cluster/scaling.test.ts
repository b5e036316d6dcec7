import type { LoadReport } from '@qwenfleet/core/load/report';
import { answers, completes, serveUpstream, type Script, type Upstream } from '@qwenfleet/router/harness/upstream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { podsHere, podsHereMissing } from '../harness/cluster/pods-here.ts';
import { poolText } from '../harness/cluster/pools.ts';
import { comesToRest } from '../harness/cluster/rest.ts';
import { eventually } from '../harness/fleet.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';
import { startRouter, type RunningRouter } from '../harness/router-process.ts';

type Decision = { from: number; to: number; reason: string; at: string };
type Scaling = { desired: number; reason: string; history: Decision[]; memory?: { stable?: string } };
type Pool = { status?: { scaling?: Scaling; conditions?: { type: string; reason: string; message: string }[] } };
type Managed = { manager: string; subresource?: string; fieldsV1?: { 'f:spec'?: { 'f:replicas'?: object } } };
type Workload = { metadata: { name: string; managedFields?: Managed[] }; spec: { replicas: number } };
type Pod = { metadata: { uid: string; deletionTimestamp?: string } };

const stableMs = 20_000;
/** What a killed operator leaves behind runs out first; then another may decide. */
const leaseMs = 15_000;
/** Windows that a test can wait for; the decisions are the same. */
const pool = (name: string, scaling: string): string =>
  poolText(
    name,
    `hardware: {class: cpu}
  drain: {preStop: 1s, gracePeriod: 11s}
  scaling: {scaleDownDelay: 1s, window: {stable: 20s, panic: 4s}, ${scaling}}`,
    'hf://Qwen/Qwen3-0.6B',
  );
const router = `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: front}
spec: {}
`;
const engine = (changes: Partial<LoadReport>): LoadReport => ({
  model: 'small',
  state: 'ready',
  generation: 1,
  requests: 0,
  slots: 8,
  running: 0,
  queued: 0,
  waitMs: 0,
  kvTokens: 0,
  kvTokensMax: 1_000,
  promptTokensPerSecond: 0,
  completionTokensPerSecond: 0,
  promptTokensTotal: 0,
  completionTokensTotal: 0,
  heartbeatAgeMs: 0,
  adapters: [],
  ...changes,
});

describe.skipIf((await clusterMissing) ?? podsHereMissing)('a pool that scales by its load', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  let front: RunningRouter;
  let upstream: Upstream;
  let here: { stop: () => Promise<void> } | undefined;
  let report: LoadReport = engine({});
  const asked: AbortController[] = [];

  /** Answers chats when a test lets go of them, and says what a test says of its engine. */
  const held: (() => void)[] = [];
  const script: Script = (call, number) => {
    if (call.path === '/load') return answers(200, report)(call, number);
    if (!call.text.includes('wait')) return completes()(call, number);
    held.push(() => void completes()(call, number));
  };
  const ask = (model: string, content: string): Promise<number> => {
    const left = new AbortController();
    asked.push(left);
    const body = JSON.stringify({ model, messages: [{ role: 'user', content }] });
    const headers = { 'content-type': 'application/json' };
    return fetch(`${front.url}/v1/chat/completions`, { method: 'POST', headers, body, signal: left.signal }).then(
      ({ status }) => status,
      () => 0,
    );
  };
  const load = (model: string, requests: number): void => {
    for (let at = 0; at < requests; at += 1) void ask(model, 'wait');
  };
  const letGo = (): void => {
    for (const answer of held.splice(0)) answer();
    for (const each of asked.splice(0)) each.abort();
  };

  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
    await gpuNodes(cluster, { name: 'machine', resource: 'example.com/none', count: 1 });
    upstream = await serveUpstream(script, { host: '0.0.0.0', port: 8000 });
    operator = await startOperator(cluster);
    await kubectl(
      cluster,
      ['apply', '-f', '-'],
      [
        router,
        pool('busy', 'minReplicas: 1, maxReplicas: 6, target: {value: 4}'),
        pool('sleepy', 'minReplicas: 0, maxReplicas: 2, scaleToZeroAfter: 5s'),
        pool('full', 'minReplicas: 1, maxReplicas: 4, target: {metric: KVCache, value: 50}'),
      ].join('---'),
    );
    here = await podsHere();
    await eventually(() => get(cluster, 'secret', 'front-config'), Boolean, 60_000, 200);
    front = await startRouter(cluster, 'front');
    for (const name of ['busy', 'full'])
      await eventually(
        () => ask(name, 'hello'),
        (status) => status === 200,
        90_000,
        500,
      );
  });
  afterEach(() => letGo());
  afterAll(async () => {
    await front?.stop();
    await operator?.stop();
    await upstream?.close();
    await here?.stop();
    await cluster?.stop();
  });

  const scaling = async (name: string): Promise<Scaling | undefined> =>
    (await get<Pool>(cluster, 'qd', name))?.status?.scaling;
  const workload = async (name: string): Promise<Workload | undefined> =>
    (await list<Workload>(cluster, 'deployments', '-l', `qwenfleet.io/deployment=${name}`, '--show-managed-fields'))[0];
  const pods = async (name: string): Promise<string[]> =>
    (await list<Pod>(cluster, 'pods', '-l', `qwenfleet.io/deployment=${name}`))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.uid);
  const untilReady = (name: string, count: number) =>
    eventually(
      async () => (await workload(name))?.spec.replicas === count && (await pods(name)).length === count,
      Boolean,
      90_000,
      200,
    );
  const condition = async (name: string, type: string) =>
    (await get<Pool>(cluster, 'qd', name))?.status?.conditions?.find((each) => each.type === type);
  const statusWrites = (name: string) =>
    cluster.audit().filter(({ uri }) => uri.includes(`/qwendeployments/${name}/status`));

  it('keeps its replicas, and its memory, when the operator is killed while it is busy', async () => {
    load('busy', 18);
    await untilReady('busy', 5);
    const before = await eventually(
      () => scaling('busy'),
      (seen) => seen?.desired === 5 && (seen.history[0]?.to ?? 0) === 5,
      30_000,
      200,
    );
    expect(before?.history[0]?.reason).toMatch(/Concurrency \d/);
    const uids = await pods('busy');
    await operator.kill();
    letGo();
    const restartedMs = Date.now();
    operator = await startOperator(cluster);
    expect((await pods('busy')).toSorted()).toEqual(uids.toSorted());
    // Nobody asks any more, and for a stable window that is no reason to take anything away.
    const after = await eventually(
      () => scaling('busy'),
      (seen) => (seen?.desired ?? 5) < 5,
      leaseMs + stableMs + 25_000,
      200,
    );
    const known = after?.history.findIndex(({ at }) => at === before?.history[0]?.at) ?? -1;
    expect(after?.history[known]).toEqual(before?.history[0]);
    const first = after?.history[known - 1];
    expect(first).toMatchObject({ from: 5 });
    expect(Date.parse(first?.at ?? '') - restartedMs).toBeGreaterThanOrEqual(stableMs);
    expect(after?.memory?.stable).toMatch(/^\d+\/\d+:/);
    await untilReady('busy', 1);
  });

  it('writes nothing while its load stays as it is', async () => {
    load('busy', 3);
    await comesToRest(() => statusWrites('busy').map(({ at, uri }) => `${at} ${uri}`));
    for (const { userAgent } of statusWrites('busy')) expect(userAgent).toMatch(/^qwenfleet-operator\/\d/);
  });

  it('is woken by a router through the scale subresource, from zero to one and no further', async () => {
    await untilReady('sleepy', 0);
    const answered = ask('sleepy', 'hello');
    await untilReady('sleepy', 1);
    expect(await answered).toBe(200);
    const managers = ((await workload('sleepy'))?.metadata.managedFields ?? [])
      .filter(({ fieldsV1 }) => fieldsV1?.['f:spec']?.['f:replicas'] !== undefined)
      .map(({ manager, subresource }) => `${manager} ${subresource ?? ''}`.trim());
    expect(managers).toContain('qwen-router scale');
    const woken = cluster.audit().filter(({ uri }) => uri.includes('/scale') && uri.includes('qwen-router'));
    expect(woken.map(({ userAgent }) => userAgent)).toEqual([expect.stringMatching(/^qwenfleet-router\/\d/)]);
  });

  it('grows by how full its engines say they are, and says so when they do not', async () => {
    report = engine({ kvTokens: 900 });
    await eventually(
      () => scaling('full'),
      (seen) => (seen?.desired ?? 0) >= 2,
      60_000,
      200,
    );
    expect((await scaling('full'))?.history[0]?.reason).toMatch(/KVCache/);
    // 90 percent everywhere, and 50 is the target: as many as may be.
    await untilReady('full', 4);
    report = { ...report, kvTokensMax: -1 };
    const silent = await eventually(
      () => condition('full', 'ScalingActive'),
      (seen) => seen?.reason === 'NoSignal',
      60_000,
      200,
    );
    expect(silent?.message).toBe('no replica reports KVCache: replicas stay as they are');
    expect((await workload('full'))?.spec.replicas).toBe(4);
  });
});
