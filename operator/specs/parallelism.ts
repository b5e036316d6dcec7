import type { QwenDeployment } from '@qwenfleet/crds/kinds';

export type Parallelism = {
  tensor: number;
  pipeline: number;
  /** Devices of each pod. */
  devices: number;
  /** Pods of one replica: more than one where the model does not fit on a node. */
  nodes: number;
};

/** How the devices of a replica share its model. All of one node share each layer where nobody says otherwise. */
export function parallelismOf({ parallelism, hardware }: QwenDeployment['spec']): Parallelism {
  const devices = hardware?.count ?? 1;
  const { tensor, pipeline } = parallelism ?? { tensor: devices, pipeline: 1 };
  return { tensor, pipeline, devices, nodes: Math.max(1, Math.ceil((tensor * pipeline) / devices)) };
}
