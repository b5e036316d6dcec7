import { networkInterfaces } from 'node:os';
import { pods, type Pod } from '@qwenfleet/kube/kinds';
import { accessApi } from '../cluster-api.ts';
import type { Cluster } from './cluster.ts';

/** An address of this machine that Services may point to, which no loopback address is; undefined where it has none. */
export const machineAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

const everyMs = 200;

/**
 * Processes of this machine answer for pods that kwok plays: every ready pod gets the machine's address, as soon as it
 * is there. Call `stop` before the cluster ends.
 */
export async function podsHere(cluster: Cluster, labelSelector: string): Promise<{ stop: () => Promise<void> }> {
  const { client, close } = await accessApi(cluster.kubeconfig);
  const ip = machineAddress ?? '';
  const stopping = new AbortController();
  const isElsewhere = ({ status }: Pod): boolean =>
    status?.podIP !== ip &&
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  const move = async (pod: Pod): Promise<void> => {
    const { namespace, name } = pod.metadata;
    const merge = { status: { podIP: ip, podIPs: [{ ip }] } };
    await client.patch(pods, { namespace, name }, { merge }, { subresource: 'status' });
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      // A server that is being restarted, or a pod that has just gone, is met again in the next turn.
      const found = await client.list(pods, { labelSelector }).catch(() => ({ items: [] }));
      await Promise.allSettled(found.items.filter(isElsewhere).map(move));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
      await close();
    },
  };
}
