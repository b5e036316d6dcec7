import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { isAlreadyExists, isNotFound } from '@qwenfleet/kube/client/status-error';
import { secrets } from '@qwenfleet/kube/kinds';

/** In the operator's own namespace. Without it pods of before cannot be asked any more, and weights come with new pods. */
const secretName = 'qwenfleet-operator-admin';
const dataKey = 'key';

/**
 * The key from which the token of every pool is made: one for all operators that share a namespace, made by the first.
 * Throws what the API server does.
 */
export async function readAdminKey(client: KubeClient, namespace: string, signal?: AbortSignal): Promise<string> {
  const at = { namespace, name: secretName };
  try {
    return keyIn(await client.get(secrets, at, { signal }));
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const key = randomBytes(32).toString('base64');
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: at, data: { [dataKey]: key } };
  try {
    return keyIn(await client.create(secrets, secret, { signal }));
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return keyIn(await client.get(secrets, at, { signal }));
  }
}

function keyIn({ data }: { data?: Readonly<Record<string, string>> | undefined }): string {
  const key = data?.[dataKey];
  if (key) return key;
  throw new Error(`the Secret ${secretName} has no ${dataKey}: delete it, and a new one is made`);
}

/** A pool that is made anew is another. */
export const adminTokenOf = (key: string, poolUid: string): string =>
  createHmac('sha256', key).update(poolUid).digest('hex');

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
