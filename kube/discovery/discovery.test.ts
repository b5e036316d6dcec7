import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../client/client.ts';
import { connect, type Connection } from '../connection/connection.ts';
import { ScriptedApi, status } from '../harness/scripted-api.ts';
import { Discovery } from './discovery.ts';

let api: ScriptedApi;
let connection: Connection;
let clock: ManualClock;
let discovery: Discovery;
const served = {
  json: {
    resources: [
      { name: 'podmonitors/scale', kind: 'PodMonitor', namespaced: false },
      { name: 'podmonitors', kind: 'PodMonitor', namespaced: true },
      { name: 'endpoints', kind: 'Endpoints', namespaced: true },
    ],
  },
};
beforeEach(async () => {
  api = await ScriptedApi.start();
  api.otherwise = served;
  connection = await connect({ from: 'file', file: api.kubeconfig() });
  clock = new ManualClock();
  const client = KubeClient.over({ connection, callMs: 300 });
  discovery = new Discovery(client, { clock, rng: seededRng(1), log: silentLogger });
});
afterEach(async () => {
  await connection.close();
  await api.stop();
});

const monitors = (): Promise<boolean> => discovery.has('monitoring.coreos.com', 'v1', 'PodMonitor');

describe('discovery', () => {
  it('finds a kind with the plural and the scope that the server says', async () => {
    expect(await discovery.find('monitoring.coreos.com', 'v1', 'PodMonitor')).toEqual({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PodMonitor',
      plural: 'podmonitors',
      namespaced: true,
    });
    expect((await discovery.find('', 'v1', 'Endpoints'))?.plural).toBe('endpoints');
    expect(api.received.map(({ path }) => path)).toEqual(['/apis/monitoring.coreos.com/v1', '/api/v1']);
  });

  it('asks once, however many want to know, and again after five minutes', async () => {
    expect(await Promise.all([monitors(), monitors(), discovery.has('monitoring.coreos.com', 'v1', 'Rule')])).toEqual([
      true,
      true,
      false,
    ]);
    await clock.advance(299_000);
    await monitors();
    expect(api.received).toHaveLength(1);
    await clock.advance(1_001);
    await monitors();
    expect(api.received).toHaveLength(2);
  });

  it('sees a kind that was installed later, at once when told', async () => {
    api.script = [status(404)];
    expect(await monitors()).toBe(false);
    expect(await monitors()).toBe(false);
    discovery.recheck();
    expect(await monitors()).toBe(true);
  });

  it('remembers two hundred groups, and asks again for the one it forgot', async () => {
    for (let index = 0; index < 201; index += 1) await discovery.has(`g${index}.io`, 'v1', 'PodMonitor');
    await discovery.has('g200.io', 'v1', 'PodMonitor');
    expect(api.received).toHaveLength(201);
    await discovery.has('g0.io', 'v1', 'PodMonitor');
    expect(api.received).toHaveLength(202);
  });

  it('keeps what it knew while the server is down, and says so where it knew nothing', async () => {
    await monitors();
    discovery.recheck();
    api.otherwise = status(503);
    expect(await monitors()).toBe(true);
    await expect(discovery.has('apps', 'v1', 'Deployment')).rejects.toMatchObject({ statusCode: 503 });
  });

  it('lets a caller leave without taking the answer from the others', async () => {
    api.script = [(response) => setTimeout(() => response.end(JSON.stringify(served.json)), 100)];
    const caller = new AbortController();
    const leaving = discovery.has('monitoring.coreos.com', 'v1', 'PodMonitor', { signal: caller.signal });
    const staying = monitors();
    caller.abort(new Error('left'));
    await expect(leaving).rejects.toThrow('left');
    expect(await staying).toBe(true);
    expect(api.received).toHaveLength(1);
  });
});
