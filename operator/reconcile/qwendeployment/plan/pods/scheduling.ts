import type { Failure } from '../observed.ts';
import { conditionOf, type LiveClaim, type LivePod } from './live.ts';

/** What the pod needs that a scheduler may not find. */
export type Wanted = {
  /** Resource of the accelerator, such as nvidia.com/gpu, and the name of its class. */
  resourceName: string | undefined;
  className: string;
  devices: number;
};

/** Scheduler: `0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient nvidia.com/gpu.` */
const insufficient = /(?:(\d+) )?Insufficient ([A-Za-z0-9./_-]*[A-Za-z0-9])/g;
/** What the scheduler adds about pods that it might end for this one, which helps nobody here. */
const preemption = /\.? (no new claims to deallocate|preemption: ).*$/s;
const claimTrouble = /unbound immediate PersistentVolumeClaims|persistentvolumeclaim "[^"]+" not found/i;

/** Why no node takes the pod; undefined for one that has a node. */
export function schedulingFailure(pod: LivePod, claims: readonly LiveClaim[], wanted: Wanted): Failure | undefined {
  const condition = conditionOf(pod, 'PodScheduled');
  if (condition?.status !== 'False') return undefined;
  const said = (condition.message ?? '').replace(preemption, '');
  const since = condition.lastTransitionTime === undefined ? '' : ` since ${condition.lastTransitionTime}`;
  if (condition.reason === 'SchedulingGated') {
    return { code: 'scheduling_gated', message: `the pod is held back${since} until its queue admits it` };
  }
  if (claimTrouble.test(said)) return claimFailure(pod, claims, `${since}: ${said}`);
  const nodesShort = new Map([...said.matchAll(insufficient)].map(([, nodes = '1', of = '']) => [of, Number(nodes)]));
  const short = [...nodesShort.keys()];
  const { resourceName, className, devices } = wanted;
  // Nodes whose devices are free and whose memory is not are short of memory.
  if (resourceName !== undefined && nodesShort.get(resourceName) === Math.max(...nodesShort.values())) {
    const message = `no node has ${devices} free ${resourceName} of class ${className}${since}: ${said}`;
    return { code: 'insufficient_accelerators', message };
  }
  if (short.length > 0)
    return { code: 'unschedulable', message: `no node has enough ${short.join(', ')}${since}: ${said}` };
  return { code: 'unschedulable', message: `no node fits${since}: ${said}` };
}

function claimFailure(pod: LivePod, claims: readonly LiveClaim[], said: string): Failure {
  const names = (pod.spec?.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
  const unbound = names.filter((name) => {
    const claim = claims.find(({ metadata }) => metadata.name === name);
    return claim?.status?.phase !== 'Bound';
  });
  const which = (unbound.length > 0 ? unbound : names).map((name) => `"${name}"`).join(', ');
  return { code: 'claim_pending', message: `PersistentVolumeClaim ${which} is not bound${said}` };
}
