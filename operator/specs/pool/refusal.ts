import { FleetError } from '@qwenfleet/core/errors';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Blocked, Candidate } from '../../reconcile/substrate.ts';
import type { Capabilities } from '../capabilities.ts';
import { engineOf } from '../engine/registry.ts';
import { parallelismOf } from '../parallelism.ts';
import { strategicMerge } from '../strategic-merge.ts';
import { wrongField } from './field-checks.ts';
import { cacheRefusal } from '../weights/cache.ts';
import { weightsRefusal } from '../weights/registry.ts';

/** Why no pod of the pool could be made in this cluster, the first reason that there is. */
export function poolRefusal(candidate: Candidate, capabilities: Capabilities): Blocked | undefined {
  return (
    fieldRefusal(candidate) ??
    weightsOfCandidate(candidate, capabilities) ??
    cacheRefusal(candidate.deployment.spec.cache) ??
    engineRefusal(candidate) ??
    hardwareRefusal(candidate, capabilities)
  );
}

function weightsOfCandidate({ deployment, hardwareClass, engine }: Candidate, capabilities: Capabilities) {
  const reading = engineOf(engine)?.reading ?? 'uri';
  return weightsRefusal({ spec: deployment.spec, hardwareClass, engine, reading }, capabilities);
}

const unavailable = (reason: string, message: string): Blocked => ({ condition: 'WorkloadAvailable', reason, message });

function engineRefusal({ deployment, engine }: Candidate): Blocked | undefined {
  const why = engineOf(engine)?.refusal({ deployment, parallelism: parallelismOf(deployment.spec) });
  return why === undefined ? undefined : unavailable('NotSupported', why);
}

function hardwareRefusal({ deployment, hardwareClass }: Candidate, capabilities: Capabilities): Blocked | undefined {
  const { devices, nodes } = parallelismOf(deployment.spec);
  const accelerator = hardwareClass?.spec.accelerator;
  const name = hardwareClass?.metadata.name ?? '';
  if (accelerator && devices > accelerator.countMax) {
    const message = `hardware.count is ${devices}, and a node of class ${name} has ${accelerator.countMax} at most; let parallelism span nodes`;
    return unavailable('TooManyDevices', message);
  }
  if (nodes > 1 && !capabilities.leaderWorkerSet) {
    const message = `a replica over ${nodes} nodes needs LeaderWorkerSet, which is not in this cluster; install it, or lower parallelism`;
    return unavailable('LeaderWorkerSetMissing', message);
  }
  if (accelerator?.deviceClass !== undefined && !capabilities.dynamicResources) {
    const message = `class ${name} allocates devices dynamically (resource.k8s.io/v1), which this cluster does not; give it a resourceName`;
    return unavailable('DynamicResourcesMissing', message);
  }
  return undefined;
}

function fieldRefusal(candidate: Candidate): Blocked | undefined {
  const wrong = wrongField(candidate) ?? wrongPatch(candidate.deployment.spec);
  return wrong === undefined ? undefined : unavailable('InvalidSpec', wrong);
}

/** A patch that cannot be understood is wrong whatever it is applied to. */
function wrongPatch({ podTemplate }: QwenDeployment['spec']): string | undefined {
  try {
    strategicMerge({}, podTemplate ?? {});
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return `${error.param ?? 'spec.podTemplate'}: ${error.message}`;
    throw error;
  }
}
