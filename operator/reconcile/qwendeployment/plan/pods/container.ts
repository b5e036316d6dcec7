import { parseTermination } from '@qwenfleet/core/fleet/termination';
import type { ContainerStatus, Terminated } from '@qwenfleet/kube/kinds';
import type { Failure } from '../observed.ts';
import type { LivePod } from './live.ts';

const pullReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
]);
const configReasons = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError']);
/** Longest line of a log that goes into a status. */
const lineCharsMax = 300;

/** Why a container of the pod does not run, the init containers' reasons first; undefined while all is well. */
export function containerFailure(pod: LivePod): Failure | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const status of [...initContainerStatuses, ...containerStatuses]) {
    const failure = waitingFailure(status) ?? endFailure(status, pod);
    if (failure) return failure;
  }
  return undefined;
}

function waitingFailure({ name, image = '', state }: ContainerStatus): Failure | undefined {
  const { reason = '', message = '' } = state?.waiting ?? {};
  if (pullReasons.has(reason)) {
    return { code: 'image_pull_failed', message: `image ${image} cannot be pulled (${reason}): ${message}` };
  }
  if (!configReasons.has(reason)) return undefined;
  const code = /secret "[^"]+" not found|couldn't find key .* in Secret/i.test(message)
    ? 'secret_missing'
    : 'container_refused';
  return { code, message: `container ${name} cannot be started (${reason}): ${message}` };
}

/** How it ended last, for as long as it is not ready again. An init container that ended well is through. */
function endFailure(status: ContainerStatus, pod: LivePod): Failure | undefined {
  if (status.ready) return undefined;
  const end = status.state?.terminated ?? status.lastState?.terminated;
  if (!end || (end.exitCode === 0 && status.state?.waiting?.reason !== 'CrashLoopBackOff')) return undefined;
  const times = status.restartCount;
  const restarts = times === 0 ? '' : `, restarted ${times} times`;
  if (end.reason === 'OOMKilled') {
    const limit = limitOf(pod, status.name);
    return { code: 'oom_killed', message: `container ${status.name} ran out of its ${limit}memory${restarts}` };
  }
  const said = parseTermination(end.message);
  if (said) return said;
  return { code: 'engine_crashed', message: `container ${status.name} ${howItEnded(end)}${restarts}${lastLine(end)}` };
}

function limitOf(pod: LivePod, name: string): string {
  const limits = pod.spec?.containers?.find((container) => container.name === name)?.resources?.limits;
  const memory = limits?.['memory'];
  return memory === undefined ? '' : `${memory} of `;
}

/** Above 128 is how a shell writes the signal that ended a process. */
function howItEnded({ exitCode, signal }: Terminated): string {
  const by = signal ?? (exitCode > 128 ? exitCode - 128 : undefined);
  return by === undefined || by === 0 ? `ended with exit code ${exitCode}` : `was ended by signal ${by}`;
}

/** How Node and Python begin the line that says what went wrong; what stands around it is where. */
const errorLine = /^\s*(\w+\.)*\w*(Error|Exception)( \[\w+\])?: /;

/** The kubelet keeps the end of the log of what left no other word: the error in it, else its last line. */
function lastLine({ message = '' }: Terminated): string {
  const lines = message.trim().split('\n');
  const line = (lines.findLast((each) => errorLine.test(each)) ?? lines.at(-1) ?? '').trim();
  return line === '' ? '' : `: ${line.slice(0, lineCharsMax)}`;
}
