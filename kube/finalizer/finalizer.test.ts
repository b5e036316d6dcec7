import { ManualClock } from '@qwenfleet/core/clock';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '../client/client.ts';
import { connect, type Connection } from '../connection/connection.ts';
import { ScriptedApi, status } from '../harness/scripted-api.ts';
import { configMaps, type ConfigMap } from '../kinds.ts';
import { finalize, type FinalizeOptions } from './finalize.ts';
import { addFinalizer, removeFinalizer } from './finalizer.ts';

const finalizer = 'example.com/cleanup';
let api: ScriptedApi;
let connection: Connection;
let client: KubeClient;
beforeEach(async () => {
  api = await ScriptedApi.start();
  connection = await connect({ from: 'file', file: api.kubeconfig() });
  client = KubeClient.over({ connection });
});
afterEach(async () => {
  await connection.close();
  await api.stop();
});

const object = (finalizers?: string[], more: Partial<ConfigMap['metadata']> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'x', namespace: 'a', uid: 'u', resourceVersion: '7', finalizers, ...more },
});
const target = () => ({ client, resource: configMaps, finalizer });
const bodies = (): unknown[] => api.received.map(({ body }) => body);

describe('a finalizer', () => {
  it.each([
    [undefined, { op: 'add', path: '/metadata/finalizers', value: [finalizer] }],
    [[], { op: 'add', path: '/metadata/finalizers', value: [finalizer] }],
    [['other'], { op: 'add', path: '/metadata/finalizers/-', value: finalizer }],
  ])('is added to %j if the object is as it was seen', async (present, operation) => {
    await addFinalizer(object(present), target());
    expect(bodies()).toEqual([[{ op: 'test', path: '/metadata/resourceVersion', value: '7' }, operation]]);
  });

  it('is not added twice', async () => {
    const held = object([finalizer]);
    expect(await addFinalizer(held, target())).toBe(held);
    expect(api.received).toEqual([]);
  });

  it('is removed at its place, and only it', async () => {
    await removeFinalizer(object(['other', finalizer]), target());
    const path = '/metadata/finalizers/1';
    expect(bodies()).toEqual([
      [
        { op: 'test', path, value: finalizer },
        { op: 'remove', path },
      ],
    ]);
  });

  it.each([409, 422])('is removed though the object changed meanwhile (%d)', async (code) => {
    api.script = [status(code), { json: object([finalizer, 'new']) }, { json: object(['new']) }];
    await removeFinalizer(object(['other', finalizer]), target());
    expect(bodies().at(-1)).toMatchObject([{ path: '/metadata/finalizers/0' }, { op: 'remove' }]);
  });

  it.each([
    ['the object is gone', [status(404)]],
    ['it is gone while we look', [status(422), status(404)]],
    ['another has its name', [status(422), { json: object([finalizer], { uid: 'new' }) }]],
    ['somebody removed it', [status(422), { json: object([]) }]],
  ])('is done with when %s', async (_name, script) => {
    const answers = script.length;
    api.script = script;
    await removeFinalizer(object([finalizer]), target());
    expect(api.received).toHaveLength(answers);
  });

  it('that cannot be removed says so in the end', async () => {
    api.otherwise = (response, { method }) => {
      if (method === 'GET') response.end(JSON.stringify(object([finalizer])));
      else response.writeHead(422).end('{}');
    };
    await expect(removeFinalizer(object([finalizer]), target())).rejects.toMatchObject({ statusCode: 422 });
    expect(api.received).toHaveLength(9);
  });
});

describe('a deletion', () => {
  const deletedMs = 1_700_000_000_000;
  const deleted = object([finalizer], { deletionTimestamp: new Date(deletedMs).toISOString() });
  const clock = new ManualClock(deletedMs);
  const environment = { clock, rng: seededRng(1), log: silentLogger };
  const run = (held: ConfigMap, more: Partial<FinalizeOptions<ConfigMap>> = {}): Promise<void> =>
    finalize(held, { ...target(), cleanUp: () => Promise.resolve(), ...more }, { environment });

  it('cleans up, then lets the object go', async () => {
    const order: string[] = [];
    api.otherwise = (response) => {
      order.push('removed');
      response.end(JSON.stringify(object([])));
    };
    await run(deleted, { cleanUp: async ({ metadata }) => void order.push(`cleaned ${metadata.name}`) });
    expect(order).toEqual(['cleaned x', 'removed']);
  });

  it('leaves alone what is not being deleted, or not ours', async () => {
    const never = (): Promise<void> => Promise.reject(new Error('cleaned up'));
    await run(object([finalizer]), { cleanUp: never });
    await run(object(['other'], { deletionTimestamp: deleted.metadata.deletionTimestamp }), { cleanUp: never });
    expect(api.received).toEqual([]);
  });

  it('whose cleanup fails keeps the object; after five minutes it says so, and lets go only where that is allowed', async () => {
    const stuck: boolean[] = [];
    const failing = {
      cleanUp: () => Promise.reject(new Error('the bucket is down')),
      onStuck: (_object: ConfigMap, _error: unknown, forced: boolean) => void stuck.push(forced),
    };
    await expect(run(deleted, failing)).rejects.toThrow('the bucket is down');
    expect(stuck).toEqual([]);
    await clock.advance(300_001);
    await expect(run(deleted, failing)).rejects.toThrow('the bucket is down');
    expect([stuck, api.received]).toEqual([[false], []]);
    await run(deleted, { ...failing, mayForce: () => true });
    expect([stuck, api.received.length]).toEqual([[false, true], 1]);
  });

  it('aborts a cleanup that takes too long', async () => {
    const late = run(deleted, { tryMs: 1_000, cleanUp: (_object, signal) => clock.sleep(60_000, signal) });
    const ended = expect(late).rejects.toMatchObject({ code: 'request_timeout' });
    await clock.advance(0);
    await clock.advance(1_000);
    await ended;
  });
});
