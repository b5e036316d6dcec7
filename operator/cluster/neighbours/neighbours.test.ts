import type { ServerResponse } from 'node:http';
import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { connect, type Connection } from '@qwenfleet/kube/connection/connection';
import { Discovery } from '@qwenfleet/kube/discovery/discovery';
import { ScriptedApi, type Received } from '@qwenfleet/kube/harness/scripted-api';
import { pluralOf } from '@qwenfleet/kube/resource';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { until } from '../../harness/processes.ts';
import { capabilityApis } from '../../specs/capabilities.ts';
import { Neighbours } from './neighbours.ts';

const [everyMs, soonMs, syncMs] = [15_000, 1_000, 5_000];
type Name = keyof typeof capabilityApis;

let api: ScriptedApi;
let connection: Connection;
let clock: ManualClock;
let neighbours: Neighbours;
/** What is installed, and what listing its objects is answered with where that is no success. */
let installed: Map<Name, number>;
let minor: string;
let watches: ServerResponse[];
let changes: number;

beforeEach(async () => {
  api = await ScriptedApi.start();
  api.otherwise = answer;
  connection = await connect({ from: 'file', file: api.kubeconfig() });
  clock = new ManualClock();
  installed = new Map();
  minor = '34+';
  watches = [];
  changes = 0;
  const client = KubeClient.over({ connection, callMs: 2_000 });
  const environment = { clock, rng: seededRng(1), log: silentLogger };
  const discovery = new Discovery(client, environment, { freshMs: 10_000 });
  neighbours = new Neighbours({ client, discovery, namespace: undefined, environment });
  neighbours.subscribe({ onChange: () => (changes += 1), onChild: () => undefined });
});
afterEach(async () => {
  await neighbours.stop();
  await connection.close();
  await api.stop();
});

/** An API server that serves what is installed: discovery, lists that are empty, and watches that stay open. */
function answer(response: ServerResponse, { path, query }: Received): void {
  const json = (body: object, code = 200): void => void response.writeHead(code).end(JSON.stringify(body));
  if (path === '/version') return json({ major: '1', minor });
  const name = [...installed.keys()].find((each) => path.startsWith(`/apis/${capabilityApis[each].apiVersion}`));
  if (name === undefined) return json({ kind: 'Status', code: 404, message: 'not served' }, 404);
  const { apiVersion, kinds } = capabilityApis[name];
  if (path === `/apis/${apiVersion}`) {
    return json({ resources: kinds.map((kind) => ({ name: pluralOf(kind), kind, namespaced: true })) });
  }
  const code = installed.get(name) ?? 200;
  if (code !== 200) return json({ kind: 'Status', code, message: `refused with ${code}` }, code);
  if (query.has('watch')) return void (response.writeHead(200).flushHeaders(), watches.push(response));
  return json({ apiVersion, kind: 'List', metadata: { resourceVersion: '1' }, items: [] });
}

const install = (...names: Name[]): void => names.forEach((name) => installed.set(name, 200));
async function known(): Promise<void> {
  neighbours.start();
  await neighbours.known;
  // The wait until the next look has to have begun before time is moved on.
  await new Promise((resolve) => setImmediate(resolve));
}
const there = (): string[] => Object.entries(neighbours.capabilities).flatMap(([name, is]) => (is ? [name] : []));

describe('neighbours', () => {
  it('are what the cluster serves, and what comes with the age of its server', async () => {
    install('keda', 'prometheusOperator', 'kueue');
    minor = '35';
    await known();
    expect(there().toSorted()).toEqual(['imageVolumes', 'keda', 'kueue', 'prometheusOperator']);
  });

  it('that the operator has no right to, or that are out of order, count as absent', async () => {
    install('keda');
    installed.set('gatewayApi', 403).set('prometheusOperator', 400);
    await known();
    expect(there()).toEqual(['keda']);
  });

  it('are found when they come, and asked for no more often than that', async () => {
    await known();
    expect(there()).toEqual([]);
    const asked = api.received.length;
    install('keda');
    await clock.advance(everyMs - 1);
    expect(api.received.length).toBe(asked);
    await clock.advance(1);
    await until(() => there().length === 1, 'KEDA is found');
    expect(changes).toBe(1);
  });

  it('are known as they are now when that is asked for; one that is out of order is not waited for long', async () => {
    install('keda', 'leaderWorkerSet');
    await known();
    const isOf = (path: string): boolean => path.startsWith('/apis/leaderworkerset.x-k8s.io/v1/');
    const lists = (): number => api.received.filter(({ path, query }) => isOf(path) && query.has('limit')).length;
    const before = lists();
    await neighbours.refresh();
    expect(lists()).toBeGreaterThan(before);
    installed.set('leaderWorkerSet', 500);
    let isDone = false;
    const asked = neighbours.refresh().then(() => (isDone = true));
    await until(() => lists() > before + 1, 'it is asked for');
    expect(isDone).toBe(false);
    await clock.advance(syncMs);
    await asked;
  });

  it('that go are missed soon after the objects that were made for them', async () => {
    install('leaderWorkerSet');
    await known();
    await until(() => watches.length === 1, 'its objects are watched');
    const object = {
      apiVersion: 'leaderworkerset.x-k8s.io/v1',
      kind: 'LeaderWorkerSet',
      metadata: { name: 'wide', namespace: 'a', resourceVersion: '2' },
    };
    const tell = (type: string): void => void watches[0]?.write(`${JSON.stringify({ type, object })}\n`);
    const waits = vi.spyOn(clock, 'sleep');
    tell('ADDED');
    tell('DELETED');
    await until(() => waits.mock.calls.some(([delayMs]) => delayMs === soonMs), 'it has looked at once, and will soon');
    // The kind is served for a moment after its objects are gone.
    installed.delete('leaderWorkerSet');
    expect(there()).toEqual(['leaderWorkerSet']);
    await clock.advance(soonMs);
    await until(() => there().length === 0, 'it is missed');
  });

  it('whose right is taken away are given up when nothing was heard of them for long', async () => {
    install('keda');
    await known();
    installed.set('keda', 403);
    for (const watch of watches) watch.end();
    for (let round = 0; round < 12 && there().length > 0; round += 1) {
      const looks = api.received.filter(({ path }) => path === '/version').length;
      await clock.advance(everyMs);
      await until(() => api.received.filter(({ path }) => path === '/version').length > looks, 'another look');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(there()).toEqual([]);
  });
});
