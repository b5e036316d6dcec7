import type { Cluster } from './cluster.ts';
import { kubectl } from './kubectl.ts';

export type GpuNodes = {
  /** Nodes are called NAME-0, NAME-1 and so on. */
  name: string;
  /** Such as `nvidia.com/gpu`. */
  resource: string;
  /** Devices on each node. */
  count: number;
  labels?: Record<string, string>;
  /** 64 and 512Gi when left out. */
  cpu?: string;
  memory?: string;
  /** How many such nodes; one when left out. */
  nodes?: number;
};

/**
 * Adds nodes that kwok plays: the scheduler counts their devices, and pods on them become Ready by themselves.
 * Returns their names once they are Ready.
 */
export async function gpuNodes(cluster: Cluster, options: GpuNodes): Promise<string[]> {
  const names = Array.from({ length: options.nodes ?? 1 }, (_, index) => `${options.name}-${index}`);
  const list = { apiVersion: 'v1', kind: 'List', items: names.map((name) => nodeObject(name, options)) };
  await kubectl(cluster, ['apply', '--server-side', '-f', '-'], list);
  await kubectl(cluster, ['wait', '--for=condition=Ready', '--timeout=90s', ...names.map((name) => `node/${name}`)]);
  return names;
}

function nodeObject(name: string, { resource, count, labels, cpu = '64', memory = '512Gi' }: GpuNodes): object {
  const amounts = { cpu, memory, pods: '110', 'ephemeral-storage': '1Ti', [resource]: String(count) };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: { type: 'kwok', 'kubernetes.io/hostname': name, 'kubernetes.io/arch': 'amd64', ...labels },
    },
    status: { capacity: amounts, allocatable: amounts },
  };
}
