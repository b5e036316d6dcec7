import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from './connection.ts';

vi.mock('@kubernetes/client-node', () => {
  throw new Error('client-node was loaded');
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'kube-account-'));
  writeFileSync(path.join(folder, 'token'), 'secret\n');
  writeFileSync(path.join(folder, 'ca.crt'), 'an authority');
  vi.stubEnv('KUBERNETES_SERVICE_HOST', 'fd00::1');
  vi.stubEnv('KUBERNETES_SERVICE_PORT', '6443');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('the service account of a pod', () => {
  it('is read without the library that reads kubeconfigs, which is 60 MB of memory', async () => {
    const connection = await connect({ from: 'pod', folder });
    const { headers } = await connection.access();
    expect([connection.server, connection.namespace, headers]).toEqual([
      'https://[fd00::1]:6443',
      'default',
      { authorization: 'Bearer secret' },
    ]);
    await connection.close();
  });

  it.each([
    ['an empty token', () => writeFileSync(path.join(folder, 'token'), '\n'), 'token is empty'],
    ['no authority', () => rmSync(path.join(folder, 'ca.crt')), 'ca.crt'],
    ['no address of an API server', () => vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined), 'KUBERNETES_SERVICE_HOST'],
  ])('that has %s is refused with what is missing', async (_what, spoil, words) => {
    spoil();
    const refused = connect({ from: 'pod', folder });
    await expect(refused).rejects.toMatchObject({ code: 'invalid_config' });
    await expect(refused).rejects.toThrow(words);
  });
});
