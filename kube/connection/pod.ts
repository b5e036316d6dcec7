import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { FleetError } from '@qwenfleet/core/errors';
import { apiServerOfPod } from './config.ts';
import type { Credentials } from './credentials.ts';

/** Where Kubernetes mounts a pod's service account, unless told otherwise. */
export const accountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

export const hasAccount = (folder = accountDir): boolean => existsSync(path.join(folder, 'token'));

/**
 * The service account of the pod we run in: three small files, and two variables. client-node would read them too, at
 * the price of 60 MB of memory. Throws `invalid_config` where one is missing.
 */
export async function readAccount(folder = accountDir): Promise<Credentials> {
  const { host, port } = apiServerOfPod();
  if (host === undefined || port === undefined) {
    const message = 'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod of a cluster.';
    throw new FleetError('invalid_config', message);
  }
  const read = (name: string): Promise<string> => readFile(path.join(folder, name), 'utf8');
  // A projected volume may leave the namespace out.
  const [token, ca, namespace] = await Promise.all([read('token'), read('ca.crt'), read('namespace').catch(() => '')]);
  if (token.trim() === '') throw new FleetError('invalid_config', `${path.join(folder, 'token')} is empty.`);
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: namespace.trim() || 'default',
    tls: { ca },
    headers: { authorization: `Bearer ${token.trim()}` },
    proxyUrl: undefined,
  };
}
