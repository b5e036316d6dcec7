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
import { RoundsClock } from '../../harness/rounds-clock.ts';
import { qwenLoad } from '../../specs/engine/qwen/load.ts';
import { vllmLoad } from '../../specs/engine/vllm/load.ts';
import { LoadPoller } from './poller.ts';
import { asksReplicas, replicaAddresses } from './replicas.ts';

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

/** Each time it is asked, it has decoded 100 tokens more. */
const vllmMetrics = (): string =>
  `vllm:kv_cache_usage_perc{engine="0"} 0.5\nvllm:generation_tokens_total{engine="0"} ${(tokens += 100)}.0\n`;

let tokens = 0;
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
      // What vLLM says under /load is something else.
      const other = request.url?.endsWith('/metrics') ? vllmMetrics() : JSON.stringify({ server_load: 3 });
      response.end(request.url === '/load' ? JSON.stringify(report) : other);
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
    const { path, read } = qwenLoad;
    const own = Array.from({ length: 200 }, (_, id) => ({
      id: `pod-${id}`,
      url: `http://127.0.0.1:${port}${path}`,
      read,
    }));
    const strange = [{ id: 'strange', url: `http://127.0.0.1:${port}/other${path}`, read }];
    const addresses = new Map([
      ['a/own', own],
      ['a/strange', strange],
    ]);
    // Its time stands still, so that a busy machine makes nobody late.
    const clock = new ManualClock();
    const poller = new LoadPoller({ addresses: () => addresses, agent, clock, log: silentLogger });
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

  it('of vLLM say it in their metrics, and how fast they decode from the second time on', async () => {
    // A TCP server has an address, not a path.
    const { port } = server.address() as AddressInfo;
    const { path, read } = vllmLoad;
    const addresses = new Map([['a/vllm', [{ id: 'pod', url: `http://127.0.0.1:${port}${path}`, read }]]]);
    const clock = new RoundsClock();
    const poller = new LoadPoller({ addresses: () => addresses, agent, clock, log: silentLogger });
    const stopping = new AbortController();
    const running = poller.run(stopping.signal);
    await until(() => clock.rounds === 1, 'it answered');
    expect(poller.reports('a/vllm')).toMatchObject([{ kvTokens: 0.5, completionTokensPerSecond: undefined }]);
    await clock.advance(1_000);
    await until(() => clock.rounds === 2, 'it answered again');
    expect(poller.reports('a/vllm')).toMatchObject([{ completionTokensPerSecond: 100 }]);
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
    const found = replicaAddresses(
      [
        pod('a'),
        pod('b', {}, 'True', 'fd00::1'),
        pod('starting', {}, 'False'),
        pod('going', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
        pod('worker', { labels: { 'qwenfleet.io/role': 'worker' } }),
      ],
      vllmLoad,
    );
    expect(found).toMatchObject([
      { id: 'a', url: 'http://10.0.0.1:8000/metrics' },
      { id: 'b', url: 'http://[fd00::1]:8000/metrics' },
    ]);
  });
});
