import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { ReconcileResult } from '@qwenfleet/kube/controller/outcome';
import type { Node, Pod } from '@qwenfleet/kube/kinds';
import type { Cache } from '@qwenfleet/kube/reflector/store';
import { hardwareKind, type CustomObject } from '../kinds.ts';
import { classOf } from '../parse.ts';
import { writeStatus } from '../status-writer.ts';

export type HardwareControllerParts = {
  client: KubeClient;
  classes: Cache<CustomObject>;
  nodes: Cache<Node>;
  pods: Cache<Pod>;
};

/** Nodes and pods move often; how many devices are free is for people to read, and may be a little old. */
const lookAgainMs = 5_000;

/** Says of each HardwareClass how many of its devices there are, and how many our pods have left. */
export class HardwareController {
  readonly #parts: HardwareControllerParts;

  constructor(parts: HardwareControllerParts) {
    this.#parts = parts;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { classes, nodes, pods, client } = this.#parts;
    const object = classes.get(key);
    if (!object || object.metadata.deletionTimestamp !== undefined) return {};
    const { accelerator, nodeSelector } = classOf(object).spec;
    const resourceName = accelerator?.resourceName;
    if (resourceName === undefined) return {};
    const own = nodes.list().filter(({ metadata }) => hasLabels(metadata.labels, nodeSelector));
    const names = new Set(own.map(({ metadata }) => metadata.name));
    const devices = own.reduce((sum, node) => sum + Number(node.status?.allocatable?.[resourceName] ?? 0), 0);
    const taken = pods
      .list()
      .filter((pod) => names.has(pod.spec?.nodeName ?? '') && !isOver(pod))
      .reduce((sum, pod) => sum + devicesOf(pod, resourceName), 0);
    const { generation: observedGeneration } = object.metadata;
    const status = { observedGeneration, devices, devicesFree: Math.max(0, devices - taken) };
    await writeStatus(client, { resource: hardwareKind, object, status }, signal);
    return { requeueAfterMs: lookAgainMs };
  }
}

const hasLabels = (
  labels: Readonly<Record<string, string>> = {},
  wanted: Readonly<Record<string, string>> = {},
): boolean => Object.entries(wanted).every(([key, value]) => labels[key] === value);

const isOver = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

function devicesOf({ spec }: Pod, resourceName: string): number {
  const { containers = [] } = spec ?? {};
  return containers.reduce((sum, { resources }) => sum + Number(resources?.limits?.[resourceName] ?? 0), 0);
}
