import { z } from 'zod';
import type { ReplicaView } from './observed.ts';

type Terminated = { exitCode: number; reason?: string; message?: string };
type ContainerState = { waiting?: { reason?: string; message?: string }; terminated?: Terminated };

/** The parts of a pod that say how its replica is. */
export type PodView = {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string | undefined };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
      readonly lastTransitionTime?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly state?: ContainerState;
      readonly lastState?: ContainerState;
    }[];
  };
};

/** What a pod of the pool asks for, for the words of a failure. */
export type Wanted = { className: string | undefined; resourceName: string | undefined };

type Failure = NonNullable<ReplicaView['failure']>;

const imageReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ImageInspectError']);
const refusedReasons = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);
/** Our runtime's last words: it writes them where Kubernetes keeps a termination message. */
const lastWordsSchema = z.object({ code: z.string().min(1), message: z.string().min(1) });

/** One replica from its pod: whether it answers, and if not, why. Pure. */
export function replicaOfPod(pod: PodView, wanted: Wanted): ReplicaView {
  if (pod.metadata.deletionTimestamp !== undefined) return { state: 'draining' };
  if (conditionOf(pod, 'Ready')?.status === 'True') return { state: 'ready' };
  const failure = failureOf(pod, wanted);
  return failure ? { state: 'waiting', failure } : { state: 'starting' };
}

function failureOf(pod: PodView, wanted: Wanted): Failure | undefined {
  if (pod.status?.phase === 'Failed') {
    const { reason = 'Failed', message = 'the pod failed' } = pod.status;
    return { code: 'pod_refused', message: `${reason}: ${message}` };
  }
  return unscheduled(pod, wanted) ?? engineFailure(pod);
}

/** Says which resource is short, on which class, since when. */
function unscheduled(pod: PodView, { className, resourceName }: Wanted): Failure | undefined {
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return undefined;
  const { message = 'no node fits', lastTransitionTime } = scheduled;
  const since = lastTransitionTime === undefined ? '' : ` since ${lastTransitionTime}`;
  const short = resourceName !== undefined && message.includes(`Insufficient ${resourceName}`);
  if (!short) return { code: 'unschedulable', message: `a replica waits for a node${since}: ${message}` };
  return {
    code: 'insufficient_accelerator',
    message: `short of ${resourceName} for hardware class ${className ?? '?'}${since}: ${message}`,
  };
}

function engineFailure(pod: PodView): Failure | undefined {
  const engine = pod.status?.containerStatuses?.find(({ name }) => name === 'engine');
  if (!engine) return undefined;
  const { state = {}, lastState = {} } = engine;
  const ended = state.terminated ?? lastState.terminated;
  return waitingFailure(state.waiting) ?? (ended && endedFailure(ended));
}

function waitingFailure(waiting: ContainerState['waiting']): Failure | undefined {
  const { reason = '', message } = waiting ?? {};
  const why = message === undefined ? reason : `${reason}: ${message}`;
  if (imageReasons.has(reason)) return { code: 'image_pull_failed', message: why };
  if (refusedReasons.has(reason)) return { code: 'pod_refused', message: why };
  return undefined;
}

function endedFailure({ exitCode, reason, message }: Terminated): Failure | undefined {
  if (reason === 'OOMKilled') {
    return { code: 'out_of_memory', message: 'the engine was killed for want of memory; give its class more' };
  }
  if (exitCode === 0) return undefined;
  const words = lastWordsSchema.safeParse(jsonOf(message));
  if (words.success) return words.data;
  const said = message?.trim().split('\n').at(-1) ?? '';
  return {
    code: 'engine_failed',
    message: `the engine ended with exit code ${exitCode}${said === '' ? '' : `: ${said}`}`,
  };
}

const conditionOf = (pod: PodView, type: string) =>
  pod.status?.conditions?.find((condition) => condition.type === type);

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
