import { deployments, pods, type Deployment } from '@qwenfleet/kube/kinds';
import type { Resource } from '@qwenfleet/kube/resource';
import type { KubeObject } from '@qwenfleet/kube/object';
import { listWatch } from '@qwenfleet/kube/reflector/list-watch';
import { Reflector } from '@qwenfleet/kube/reflector/reflector';
import type { ApiAccess } from '../cluster-api.ts';

const managed = 'app.kubernetes.io/managed-by=qwenfleet';

/** What has happened to the workloads and pods of all pools since it began, as the API server told it. */
export type History = {
  /** Deployments that were told to have fewer replicas: `NAME: 3 to 2`. */
  lowered: string[];
  /** Deployments whose pods were to look different, and those that were deleted. */
  replaced: string[];
  /** Pods that were deleted, or are being. */
  deletedPods: string[];
  stop: () => Promise<void>;
};

/** Follows from now on, by a client that no fault is in the way of. */
export async function followHistory({ client, environment }: ApiAccess, namespace: string): Promise<History> {
  const reflectors: Reflector<KubeObject>[] = [];
  const follow = <T extends KubeObject>(of: Resource<T>): Reflector<T> => {
    const source = listWatch(client, of, { namespace, labelSelector: managed });
    const reflector = new Reflector({ name: `history of ${of.plural}`, source }, environment);
    // A reflector only hands out objects, so that one of a narrower kind is one of any kind.
    reflectors.push(reflector as unknown as Reflector<KubeObject>);
    return reflector;
  };
  const history: History = {
    lowered: [],
    replaced: [],
    deletedPods: [],
    stop: async () => void (await Promise.all(reflectors.map((reflector) => reflector.stop()))),
  };
  follow(deployments).subscribe((change) => {
    const { name } = change.object.metadata;
    if (change.type === 'deleted') history.replaced.push(`${name} was deleted`);
    if (change.type !== 'updated') return;
    const [was, is] = [change.previous, change.object];
    if (was.metadata.uid !== is.metadata.uid || templateOf(was) !== templateOf(is)) history.replaced.push(name);
    const [before, after] = [was.spec?.replicas ?? 1, is.spec?.replicas ?? 1];
    if (after < before) history.lowered.push(`${name}: ${before} to ${after}`);
  });
  const leaving = new Set<string>();
  follow(pods).subscribe(({ type, object: { metadata } }) => {
    if (type !== 'deleted' && metadata.deletionTimestamp === undefined) return;
    if (!leaving.has(metadata.uid ?? '')) history.deletedPods.push(metadata.name);
    leaving.add(metadata.uid ?? '');
  });
  for (const reflector of reflectors) reflector.start();
  await Promise.all(reflectors.map(({ synced }) => synced));
  return history;
}

const templateOf = ({ spec }: Deployment): string => JSON.stringify(spec?.template);
