import type { IResourceRequirements } from 'kubernetes-models/v1/ResourceRequirements';
import { multiplyQuantity } from '../quantity.ts';
import type { Pool } from './pool.ts';

/** Name of the pod's claim of devices, where they are allocated dynamically. */
export const deviceClaim = 'devices';

/**
 * What a replica asks for: the class's figures for each device, times the devices of a pod. Memory and devices are
 * limited to what is asked for; CPU is not, because idle cores of a node help a prompt through.
 */
export function resourcesOf({ hardwareClass, parallelism: { devices } }: Pool): IResourceRequirements {
  const { accelerator, resources } = hardwareClass?.spec ?? {};
  const own = {
    ...times('cpu', resources?.cpu, devices),
    ...times('memory', resources?.memory, devices),
    ...times('ephemeral-storage', resources?.ephemeralStorage, devices),
  };
  const device = accelerator?.resourceName === undefined ? {} : { [accelerator.resourceName]: String(devices) };
  return {
    requests: { ...own, ...device },
    limits: { ...times('memory', resources?.memory, devices), ...device },
    ...(accelerator?.deviceClass === undefined ? {} : { claims: [{ name: deviceClaim }] }),
  };
}

const times = (name: string, quantity: string | undefined, by: number): Record<string, string> =>
  quantity === undefined ? {} : { [name]: multiplyQuantity(quantity, by) };
