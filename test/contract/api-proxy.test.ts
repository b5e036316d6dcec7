import { systemClock } from '@qwenfleet/core/clock';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { connect, type Connection } from '@qwenfleet/kube/connection/connection';
import { ScriptedApi } from '@qwenfleet/kube/harness/scripted-api';
import { configMaps } from '@qwenfleet/kube/kinds';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiProxy } from '../harness/api-proxy.ts';

describe('the proxy that does what networks do on their bad days', () => {
  let api: ScriptedApi;
  let proxy: ApiProxy;
  let connection: Connection;
  beforeEach(async () => {
    api = await ScriptedApi.start();
    proxy = await ApiProxy.start({ kubeconfig: api.kubeconfig() });
    connection = await connect({ from: 'file', file: proxy.kubeconfig });
  });
  afterEach(async () => {
    await connection.close();
    await proxy.stop();
    await api.stop();
  });

  const at = { namespace: 'a', name: 'x' };
  const client = (attemptMs = 10_000): KubeClient => KubeClient.over({ connection, attemptMs });
  const create = (attemptMs?: number): Promise<unknown> =>
    client(attemptMs).create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: at });

  it('passes everything on when nothing is wrong: user, query, body and answer', async () => {
    await create();
    await client().apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: at }, { fieldManager: 'me' });
    expect(api.received.map(({ method, headers }) => `${method} ${headers.authorization}`)).toEqual([
      'POST Bearer first',
      'PATCH Bearer first',
    ]);
    expect(api.received[1]?.query.get('fieldManager')).toBe('me');
    expect(api.received[0]?.body).toMatchObject({ metadata: at });
    expect(proxy.requests).toHaveLength(2);
  });

  it('answers for the server, as often as it was asked to, and only to the requests that were meant', async () => {
    proxy.inject({ kind: 'answer', status: 403 }, { when: ({ method }) => method === 'POST', times: 1 });
    await client().get(configMaps, at);
    await expect(create()).rejects.toMatchObject({ statusCode: 403 });
    await create();
    expect(api.received).toHaveLength(2);
  });

  it('breaks connections, and keeps requests for ever', async () => {
    proxy.inject({ kind: 'reset' }, { times: 1 });
    await expect(create()).rejects.toMatchObject({ code: 'upstream_failed' });
    const undo = proxy.inject({ kind: 'hang' });
    await expect(create(200)).rejects.toMatchObject({ code: 'upstream_timeout' });
    undo();
    await create();
    expect(api.received).toHaveLength(1);
  });

  it('is late', async () => {
    proxy.inject({ kind: 'delay', ms: 150 }, { times: 1 });
    const startedMs = performance.now();
    await create();
    expect(performance.now() - startedMs).toBeGreaterThan(149);
  });

  it('cuts a process off and lets it in again; what it no longer wants is never sent', async () => {
    proxy.partition();
    await expect(create(200)).rejects.toMatchObject({ code: 'upstream_timeout' });
    const patient = create();
    await systemClock.sleep(50);
    expect(api.received).toHaveLength(0);
    proxy.heal();
    await patient;
    expect(api.received).toHaveLength(1);
  });

  describe('on a watch', () => {
    let server: ServerResponse | undefined;
    let lines: string[];
    let ended: Promise<unknown>;
    beforeEach(async () => {
      api.script = [
        (response) => {
          server = response;
          response.writeHead(200).flushHeaders();
        },
      ];
      lines = [];
      ended = (async () => {
        for await (const line of client().watch(configMaps, { resourceVersion: '1', timeoutSeconds: 60 }))
          lines.push(line);
      })().catch((error: unknown) => error);
      await vi.waitFor(() => expect(proxy.watches).toHaveLength(1));
    });
    const tell = (...said: string[]): void => {
      for (const each of said) server?.write(`${each}\n`);
    };
    const heard = (...wanted: string[]): Promise<void> =>
      vi.waitFor(() => expect(lines).toEqual(wanted), { timeout: 5_000 });

    it('passes lines on, says some twice, and swaps them', async () => {
      tell('1');
      await heard('1');
      proxy.mischief = { duplicate: true };
      tell('2');
      await heard('1', '2', '2');
      proxy.mischief = { reorder: true };
      tell('3', '4', '5');
      await heard('1', '2', '2', '4', '3');
      server?.end();
      await ended;
      expect(lines.at(-1)).toBe('5');
    });

    it('says 410 and ends', async () => {
      proxy.watches[0]?.expire();
      await ended;
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ type: 'ERROR', object: { code: 410 } });
    });

    it('breaks', async () => {
      proxy.watches[0]?.reset();
      expect(await ended).toMatchObject({ code: 'upstream_failed' });
    });

    it('goes silent and looks open', async () => {
      proxy.watches[0]?.silence();
      tell('1');
      await systemClock.sleep(50);
      expect(lines).toEqual([]);
      expect(proxy.watches).toHaveLength(1);
    });
  });
});
