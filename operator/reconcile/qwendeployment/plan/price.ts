import type { PoolPrice } from '@qwenfleet/core/fleet/router-config';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import { parallelismOf } from '../../../specs/parallelism.ts';

/** What a pool costs, as far as it is known: its replicas by the hour, or what a server elsewhere charges by tokens. */
export function priceOf(spec: QwenDeployment['spec'], hardwareClass: HardwareClass | undefined): PoolPrice {
  const { type, pricePerMillionTokens } = spec.engine;
  if (type === 'external')
    return pricePerMillionTokens === undefined ? {} : { perMillionTokens: Number(pricePerMillionTokens) };
  const perDeviceHour = hardwareClass?.spec.pricePerHour;
  if (perDeviceHour === undefined) return {};
  const { devices, nodes } = parallelismOf(spec);
  return { perReplicaHour: Number(perDeviceHour) * devices * nodes };
}
