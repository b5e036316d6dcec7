import { describeError } from '@qwenfleet/core/errors';
import type { Logger } from '@qwenfleet/core/log';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import { isForbidden, isNotFound } from '@qwenfleet/kube/client/status-error';
import type { Discovery } from '@qwenfleet/kube/discovery/discovery';
import { splitApiVersion, type Resource } from '@qwenfleet/kube/resource';
import { z } from 'zod';
import { capabilityApis, type Capabilities } from '../../specs/capabilities.ts';

export type Detectable = keyof typeof capabilityApis;

export type Found = {
  /** Neighbours that are there, each with the kinds of objects that the operator makes for it. */
  kinds: ReadonlyMap<Detectable, readonly Resource[]>;
  byVersion: Pick<Capabilities, 'imageVolumes' | 'hpaScaleToZero'>;
};

export type Detecting = {
  client: KubeClient;
  discovery: Discovery;
  namespace: string | undefined;
  /** Kinds that are being read, see `kindKey`: the right to is known. */
  followed: ReadonlySet<string>;
  log: Logger;
  signal: AbortSignal;
};

/**
 * Which neighbours the cluster has now. One that is there, and that this operator has no right to, counts as absent: the
 * installation has said that it is not wanted. Throws when the API server does not answer and never did.
 */
export async function detect(detecting: Detecting): Promise<Found> {
  const names = Object.keys(capabilityApis) as Detectable[];
  const looked = await Promise.all(names.map(async (name) => [name, await kindsOf(name, detecting)] as const));
  const kinds = new Map(looked.flatMap(([name, of]) => (of ? [[name, of] as const] : [])));
  return { kinds, byVersion: await featuresOf(detecting) };
}

/** All the kinds of a neighbour; undefined when one of them is missing, or may not be read. */
async function kindsOf(name: Detectable, detecting: Detecting): Promise<Resource[] | undefined> {
  const { apiVersion, kinds } = capabilityApis[name];
  const { group, version } = splitApiVersion(apiVersion);
  const { discovery, signal } = detecting;
  const found = await Promise.all(kinds.map((kind) => discovery.find(group, version, kind, { signal })));
  const served = found.filter((kind) => kind !== undefined);
  if (served.length < kinds.length) return undefined;
  // Queues are people's: that there are any is enough.
  if (name === 'kueue') return [];
  const readable = await Promise.all(served.map((kind) => isReadable(kind, detecting)));
  return readable.every(Boolean) ? served : undefined;
}

/** Asks for one object. A neighbour that is out of order, such as one whose webhook is down, counts as absent too. */
async function isReadable(kind: Resource, { client, namespace, followed, log, signal }: Detecting): Promise<boolean> {
  if (followed.has(kindKey(kind))) return true;
  try {
    await client.pages(kind, { namespace, limit: 1, signal }).next();
    return true;
  } catch (error) {
    const expected = isForbidden(error) || isNotFound(error);
    log[expected ? 'debug' : 'warn'](
      { kind: kindKey(kind), error: describeError(error) },
      'a neighbour is not readable',
    );
    return false;
  }
}

const versionSchema = z.object({ major: z.string(), minor: z.string() });

/** What no kind tells, only the age of the server: features that are on by default since some version. */
async function featuresOf({ client, signal }: Detecting): Promise<Found['byVersion']> {
  const { major, minor } = versionSchema.parse(await client.raw('/version', { signal }));
  const since = (wanted: number): boolean => Number(major) > 1 || Number.parseInt(minor, 10) >= wanted;
  return { imageVolumes: since(35), hpaScaleToZero: since(37) };
}

export const kindKey = ({ apiVersion, kind }: Resource): string => `${apiVersion}/${kind}`;
