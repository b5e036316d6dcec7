import { KubeClient } from '@qwenfleet/kube/client/client';
import { connect } from '@qwenfleet/kube/connection/connection';
import { ScriptedApi } from '@qwenfleet/kube/harness/scripted-api';
import type { KubeObject } from '@qwenfleet/kube/object';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Applier } from './applier.ts';

let api: ScriptedApi;
let applier: Applier;
let close: () => Promise<void>;
beforeEach(async () => {
  api = await ScriptedApi.start();
  const connection = await connect({ from: 'file', file: api.kubeconfig() });
  applier = new Applier(KubeClient.over({ connection }), 'test');
  close = () => connection.close();
});
afterEach(async () => {
  await close();
  await api.stop();
});

const object = (kind: string, name: string): KubeObject => ({
  apiVersion: kind.startsWith('Role') ? 'rbac.authorization.k8s.io/v1' : 'v1',
  kind,
  metadata: { name, namespace: 'a' },
});
const { signal } = new AbortController();

/** Answers each write as it was sent, a moment later, and says how many were there at once. */
function answerLate(): { most: () => number } {
  let now = 0;
  let most = 0;
  api.otherwise = (response, { body }) => {
    now += 1;
    most = Math.max(most, now);
    setTimeout(() => {
      now -= 1;
      response.end(JSON.stringify(body));
    }, 20);
  };
  return { most: () => most };
}

describe('the objects of a pool that comes up', () => {
  it('are written a few at once, and all of them', async () => {
    const writes = answerLate();
    const desired = Array.from({ length: 10 }, (_, index) => object('ConfigMap', `map-${index}`));
    expect(await applier.reconcile(desired, [], signal)).toBe(10);
    expect(new Set(api.received.map(({ path }) => path)).size).toBe(10);
    expect(writes.most()).toBe(4);
  });

  it('are there before what binds a role, which is refused without it', async () => {
    answerLate();
    await applier.reconcile([object('RoleBinding', 'x'), object('Role', 'x'), object('Secret', 'x')], [], signal);
    expect(api.received.map(({ path }) => path.split('/').at(-2)).at(-1)).toBe('rolebindings');
  });

  it('are left for the next try once one is refused', async () => {
    const status = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'not yours' };
    api.otherwise = { status: 403, json: status };
    const desired = Array.from({ length: 10 }, (_, index) => object('ConfigMap', `map-${index}`));
    await expect(applier.reconcile(desired, [], signal)).rejects.toMatchObject({ status: 403 });
    expect(api.received.length).toBeLessThanOrEqual(4);
  });
});
