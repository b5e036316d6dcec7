import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KubeClient } from '../client/client.ts';
import { connect, type Connection } from '../connection/connection.ts';
import { echo, ScriptedApi, status, type Answer } from '../harness/scripted-api.ts';
import type { KubeObject } from '../object.ts';
import type { Occurrence } from './event.ts';
import { EventRecorder, type RecorderOptions } from './recorder.ts';

let api: ScriptedApi;
let connection: Connection;
let clock: ManualClock;
let telemetry: Telemetry;
beforeEach(async () => {
  api = await ScriptedApi.start();
  api.otherwise = (response, received) => {
    if (received.method === 'POST') return echo(response, received);
    const name = received.path.split('/').at(-1);
    response.end(JSON.stringify({ metadata: { name, namespace: 'a' } }));
  };
  connection = await connect({ from: 'file', file: api.kubeconfig() });
  clock = new ManualClock(1_700_000_000_000);
  telemetry = new Telemetry('kube');
});
afterEach(async () => {
  await connection.close();
  await api.stop();
});

const create = (options: Partial<RecorderOptions> = {}): EventRecorder =>
  new EventRecorder(
    { client: KubeClient.over({ connection }), controller: 'example.com/c', instance: 'pod-1', ...options },
    { clock, rng: seededRng(1), log: silentLogger, telemetry },
  );
const widget = (name: string): KubeObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name, namespace: 'a', uid: `uid-${name}` },
});
const scaled = (name = 'w', more: Partial<Occurrence> = {}): Occurrence => ({
  regarding: widget(name),
  type: 'Normal',
  reason: 'ScaledUp',
  action: 'Scale',
  note: 'to 3 replicas',
  ...more,
});
const received = (count: number): Promise<void> =>
  vi.waitFor(() => expect(api.received.length).toBe(count), { timeout: 10_000 });
const series = (): unknown[] =>
  api.received.map(({ method, body }) => [method, (body as { series?: { count: number } }).series?.count]);

describe('an event', () => {
  it('says what was done, to what, by whom and when', async () => {
    const recorder = create();
    recorder.record(scaled('w', { related: widget('other'), note: 'x'.repeat(2_000) }));
    await received(1);
    expect(api.received[0]).toMatchObject({ method: 'POST', path: '/apis/events.k8s.io/v1/namespaces/a/events' });
    const body = api.received[0]?.body as Record<string, unknown> & { note: string };
    expect(body).toMatchObject({
      eventTime: '2023-11-14T22:13:20.000000Z',
      reason: 'ScaledUp',
      action: 'Scale',
      type: 'Normal',
      regarding: { kind: 'Widget', name: 'w', namespace: 'a', uid: 'uid-w' },
      related: { name: 'other' },
      reportingController: 'example.com/c',
      reportingInstance: 'pod-1',
    });
    expect(body.note).toHaveLength(1_024);
    expect(body['series']).toBeUndefined();
    await recorder.stop();
  });

  it('that repeats becomes a series with a count', async () => {
    const recorder = create();
    recorder.record(scaled());
    await received(1);
    recorder.record(scaled('w', { note: 'to 4 replicas' }));
    await received(2);
    recorder.record(scaled());
    await received(3);
    expect(series()).toEqual([
      ['POST', undefined],
      ['PATCH', 2],
      ['PATCH', 3],
    ]);
    await recorder.stop();
  });

  it('is another one for another object, reason, action or type, and for other words', async () => {
    const recorder = create();
    for (const each of [scaled(), scaled('v'), scaled('w', { reason: 'R' }), scaled('w', { action: 'A' })])
      recorder.record(each);
    recorder.record(scaled('w', { type: 'Warning' }));
    recorder.record(scaled('w', { note: 'to 3 replicas: idle' }));
    await received(6);
    expect(api.received.every(({ method }) => method === 'POST')).toBe(true);
    await recorder.stop();
  });

  it('after six quiet minutes begins anew', async () => {
    const recorder = create();
    recorder.record(scaled());
    await received(1);
    await clock.advance(360_001);
    recorder.record(scaled());
    await received(2);
    expect(api.received.map(({ method }) => method)).toEqual(['POST', 'POST']);
    await recorder.stop();
  });

  it('that the server has forgotten is written anew, with its count', async () => {
    const recorder = create();
    recorder.record(scaled());
    await received(1);
    api.script = [status(404)];
    recorder.record(scaled());
    await received(3);
    expect(series()).toEqual([
      ['POST', undefined],
      ['PATCH', 2],
      ['POST', 2],
    ]);
    await recorder.stop();
  });
});

describe('too many events', () => {
  it('of one kind are counted and told with the next write, one each five minutes', async () => {
    const recorder = create();
    for (let index = 0; index < 100; index += 1) {
      recorder.record(scaled());
      if (index < 25) await received(index + 1);
    }
    await clock.advance(300_000);
    recorder.record(scaled());
    await received(26);
    expect(series().at(-1)).toEqual(['PATCH', 101]);
    expect((await telemetry.expose()).body).toContain('event_recorder_dropped_total{cause="rate"} 75');
    await recorder.stop();
  });

  it('to wait for are dropped', async () => {
    api.otherwise = 'hang';
    const recorder = create({ waitingMax: 2 });
    for (const name of 'abcdef') recorder.record(scaled(name));
    expect((await telemetry.expose()).body).toMatch(/event_recorder_dropped_total\{cause="full"\} [34]/);
    const stopped = recorder.stop(1_000);
    await clock.advance(0);
    await clock.advance(1_000);
    await stopped;
  });

  it('to remember push out the ones that were quiet longest', async () => {
    const recorder = create({ seriesMax: 2 });
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) {
      const before = api.received.length;
      recorder.record(scaled(name));
      await received(before + 1);
    }
    expect(api.received.map(({ method }) => method)).toEqual(['POST', 'POST', 'PATCH', 'POST', 'PATCH', 'POST']);
    await recorder.stop();
  });
});

describe('a server that refuses events', () => {
  it('troubles nobody', async () => {
    const recorder = create();
    const refused: Answer = status(403);
    api.script = [refused];
    recorder.record(scaled());
    await received(1);
    recorder.record(scaled('v'));
    await received(2);
    await recorder.stop();
    expect((await telemetry.expose()).body).toContain('event_recorder_dropped_total{cause="failed"} 1');
  });
});

describe('stopping the recorder', () => {
  it('tells the counts that were held back, and nothing after', async () => {
    const recorder = create({ rate: { perSecond: 1 / 300, burst: 1 } });
    for (let index = 0; index < 5; index += 1) {
      recorder.record(scaled());
      await received(1);
    }
    await recorder.stop();
    recorder.record(scaled('late'));
    expect(series()).toEqual([
      ['POST', undefined],
      ['PATCH', 5],
    ]);
  });
});
