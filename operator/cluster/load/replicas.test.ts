import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ManualClock } from '@qwenfleet/core/clock';
import type { LoadReport } from '@qwenfleet/core/load/report';
import { silentLogger } from '@qwenfleet/core/log';
import type { Pod } from '@qwenfleet/kube/kinds';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../harness/processes.ts';
import { deploymentOf } from '../../specs/harness/pool.ts';
import { asksReplicas, replicaAddresses, replicaPoller } from './replicas.ts';

const report: LoadReport = {
  model: 'small',
  state: 'ready',
  generation: 1,
  requests: 3,
  slots: 2,
  running: 2,
  queued: 1,
  waitMs: 10,
  kvTokens: 700,
  kvTokensMax: 1_000,
  promptTokensPerSecond: 5,
  completionTokensPerSecond: 40,
  promptTokensTotal: 9,
  completionTokensTotal: 90,
  heartbeatAgeMs: 1,
  adapters: [],
};

let server: Server;
let agent: Agent;
let answering = 0;
let answered = 0;
let mostAtOnce = 0;
beforeEach(async () => {
  server = createServer((request, response) => {
    answering += 1;
    mostAtOnce = Math.max(mostAtOnce, answering);
    setTimeout(() => {
      answering -= 1;
      answered += 1;
      // What vLLM says under this path is something else.
      response.end(JSON.stringify(request.url === '/load' ? report : { server_load: 3 }));
    }, 5);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  agent = new Agent();
});
afterEach(async () => {
  await agent.close();
  server.closeAllConnections();
  server.close();
});

describe('the replicas of a pool', () => {
  it('say how full their engines are, thousands of them and never many at once', async () => {
    // A TCP server has an address, not a path.
    const { port } = server.address() as AddressInfo;
    const own = Array.from({ length: 200 }, (_, id) => ({ id: `pod-${id}`, url: `http://127.0.0.1:${port}` }));
    const strange = [{ id: 'vllm', url: `http://127.0.0.1:${port}/other` }];
    const addresses = new Map([
      ['a/own', own],
      ['a/strange', strange],
    ]);
    // Its time stands still, so that a busy machine makes nobody late.
    const clock = new ManualClock();
    const poller = replicaPoller({ addresses: () => addresses, agent, clock, log: silentLogger });
    const stopping = new AbortController();
    const running = poller.run(stopping.signal);
    await until(() => answered === own.length + strange.length, 'all of them were asked');
    await until(() => poller.reports('a/own').every((each) => each !== undefined), 'all of them answered');
    expect(poller.reports('a/own')[199]).toMatchObject({ kvTokens: 700, completionTokensPerSecond: 40 });
    expect(poller.reports('a/strange')).toEqual([undefined]);
    expect(mostAtOnce).toBeLessThanOrEqual(64);
    stopping.abort();
    await running;
  });

  it('are asked only where the pool scales by what they know', () => {
    const scaledBy = (metric: string, owner = 'Internal') =>
      asksReplicas(deploymentOf({ scaling: { owner, target: { metric } } }));
    expect(['Concurrency', 'QueueDepth', 'KVCache', 'TokensPerSecond'].map((metric) => scaledBy(metric))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(scaledBy('KVCache', 'KEDA')).toBe(false);
    expect(asksReplicas(deploymentOf({ replicas: 2 }))).toBe(false);
  });

  it('are those that answer: ready, staying, and the first of a group', () => {
    const pod = (name: string, changes: Partial<Pod['metadata']> = {}, ready = 'True', podIP = '10.0.0.1'): Pod => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, uid: name, ...changes },
      status: { podIP, conditions: [{ type: 'Ready', status: ready === 'True' ? 'True' : 'False' }] },
    });
    const found = replicaAddresses([
      pod('a'),
      pod('b', {}, 'True', 'fd00::1'),
      pod('starting', {}, 'False'),
      pod('going', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      pod('worker', { labels: { 'qwenfleet.io/role': 'worker' } }),
    ]);
    expect(found).toEqual([
      { id: 'a', url: 'http://10.0.0.1:8000' },
      { id: 'b', url: 'http://[fd00::1]:8000' },
    ]);
  });
});
