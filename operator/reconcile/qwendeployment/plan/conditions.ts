import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { isWakeable } from '@qwenfleet/crds/qwendeployment/wakeable';
import { fails, holds, unknown, type Finding } from '../../conditions.ts';
import type { Observed } from './observed.ts';
import type { Resolved } from './resolve.ts';
import { scalingActive } from './scaling-active.ts';

type Spec = QwenDeployment['spec'];
type Input = { spec: Spec; resolved: Resolved; observed: Observed };

/** The nine conditions and their roll-up, in the order in which they are read. */
export function deploymentConditions(input: Input): Finding[] {
  const parts = [
    modelResolved(input),
    modelCached(input),
    workloadAvailable(input),
    progressing(input),
    rolloutHealthy(input),
    scalingActive(input),
    routerProgrammed(input),
    adaptersLoaded(input),
    sloMet(input),
  ];
  return [ready(input, parts), ...parts];
}

const readyOf = (observed: Observed): number => observed.replicas.filter(({ state }) => state === 'ready').length;
const isExternal = ({ engine }: Resolved): boolean => engine.type === 'external';

type FailingType = 'ModelResolved' | 'ModelCached' | 'WorkloadAvailable';

/** What the reasons of a failed start say about which condition. */
const failureReasons: Readonly<Record<string, { type: FailingType; reason: string }>> = {
  source_not_found: { type: 'ModelResolved', reason: 'NotFound' },
  source_forbidden: { type: 'ModelResolved', reason: 'AuthFailed' },
  source_unavailable: { type: 'ModelResolved', reason: 'SourceUnavailable' },
  digest_mismatch: { type: 'ModelResolved', reason: 'DigestMismatch' },
  secret_missing: { type: 'ModelResolved', reason: 'SecretNotFound' },
  claim_pending: { type: 'ModelCached', reason: 'PVCPending' },
  invalid_model: { type: 'WorkloadAvailable', reason: 'LoadFailed' },
  unsupported_model: { type: 'WorkloadAvailable', reason: 'LoadFailed' },
  invalid_config: { type: 'WorkloadAvailable', reason: 'LoadFailed' },
  start_timeout: { type: 'WorkloadAvailable', reason: 'StartupTimeout' },
  insufficient_accelerators: { type: 'WorkloadAvailable', reason: 'InsufficientGPU' },
  unschedulable: { type: 'WorkloadAvailable', reason: 'Unschedulable' },
  scheduling_gated: { type: 'WorkloadAvailable', reason: 'Queued' },
  image_pull_failed: { type: 'WorkloadAvailable', reason: 'ImagePullFailed' },
  container_refused: { type: 'WorkloadAvailable', reason: 'ContainerRefused' },
  oom_killed: { type: 'WorkloadAvailable', reason: 'OOMKilled' },
  pod_refused: { type: 'WorkloadAvailable', reason: 'PodRefused' },
};
/** Failures that end when somebody makes room, and not by another try. */
const waitingCodes = new Set(['insufficient_accelerators', 'unschedulable', 'scheduling_gated', 'claim_pending']);
const crashed = { type: 'WorkloadAvailable', reason: 'EngineCrashed' } as const;

function failureOf(type: FailingType, { replicas, refused }: Observed): Finding | undefined {
  const failures = [...replicas.flatMap(({ failure }) => failure ?? []), ...(refused ? [refused] : [])];
  for (const { code, message } of failures) {
    const known = failureReasons[code] ?? crashed;
    if (known.type === type) return fails(type, known.reason, message.slice(0, messageCharsMax));
  }
  return undefined;
}

/** What the schema of a condition takes. */
const messageCharsMax = 2048;

const ready = ({ spec, resolved, observed }: Input, parts: readonly Finding[]): Finding => {
  const type = 'Ready';
  if (spec.suspend) return fails(type, 'Suspended', 'spec.suspend is set: no replicas, and no request wakes the pool');
  const order = ['ModelResolved', 'ModelCached', 'WorkloadAvailable'];
  const failing = parts.find((part) => order.includes(part.type) && part.status === 'False');
  const canServe = readyOf(observed) > 0 || (isExternal(resolved) && !resolved.blocked);
  if (failing && !canServe) return fails(type, failing.reason, failing.message);
  // A pool that no router selects still answers at its own address; one whose router is gone answers nobody.
  const unreachable = parts.find((part) => part.type === 'RouterProgrammed' && part.reason === 'RouterUnavailable');
  if (unreachable) return fails(type, unreachable.reason, unreachable.message);
  if (canServe) return holds(type, 'Serving', `${readyOf(observed)} of ${observed.desired} replicas answer`);
  if (observed.desired === 0) return atZero(spec, observed);
  return fails(type, 'Starting', 'no replica answers yet');
};

/** No replica is wanted: by design when a request brings one, or when somebody asked for none. */
function atZero(spec: Spec, { closedBy }: Observed): Finding {
  if (spec.paused) return fails('Ready', 'Paused', 'spec.paused is set: no replica is started');
  if (closedBy !== undefined)
    return fails('Ready', 'OutOfHours', `its schedule ${closedBy} allows no replica, and no request starts one`);
  if (isWakeable(spec)) return holds('Ready', 'ScaledToZero', 'idle; the next request starts a replica');
  return holds('Ready', 'ScaledToZero', 'no replica is wanted, and no request starts one');
}

function modelResolved({ resolved, observed }: Input): Finding {
  const type = 'ModelResolved';
  if (resolved.blocked?.condition === type) return fails(type, resolved.blocked.reason, resolved.blocked.message);
  if (isExternal(resolved)) return holds(type, 'External', 'the external server has its model');
  const failure = failureOf(type, observed);
  if (failure) return failure;
  if (readyOf(observed) > 0) return holds(type, 'Resolved', 'a replica has loaded the weights');
  return unknown(type, 'NotTried', 'no replica has asked for the weights yet');
}

function modelCached({ resolved, observed }: Input): Finding {
  const type = 'ModelCached';
  if (isExternal(resolved)) return holds(type, 'External', 'the external server has its model');
  if (resolved.blocked?.condition === type) return fails(type, resolved.blocked.reason, resolved.blocked.message);
  const failure = failureOf(type, observed);
  if (failure) return failure;
  const downloading = observed.replicas.find(({ progress }) => progress && /download|pull/i.test(progress.phase));
  if (downloading?.progress && downloading.progress.done < downloading.progress.total) {
    const { done, total } = downloading.progress;
    return fails(type, 'Downloading', `${Math.floor((100 * done) / total)} % of ${Math.ceil(total / 1e6)} MB`);
  }
  if (readyOf(observed) > 0) return holds(type, 'Cached', 'the weights are where the replicas read them');
  return unknown(type, 'NotTried', 'no replica has pulled the weights yet');
}

function workloadAvailable({ spec, resolved, observed }: Input): Finding {
  const type = 'WorkloadAvailable';
  if (isExternal(resolved)) return holds(type, 'External', 'its replicas are somebody else’s');
  if (resolved.blocked?.condition === type) return fails(type, resolved.blocked.reason, resolved.blocked.message);
  const wanted = Math.min(observed.desired, Math.max(1, spec.scaling?.minReplicas ?? spec.replicas ?? 1));
  const available = readyOf(observed);
  if (available >= wanted) return holds(type, 'MinimumAvailable', `${available} of at least ${wanted} replicas answer`);
  return failureOf(type, observed) ?? fails(type, 'Starting', `${available} of ${wanted} replicas answer`);
}

function progressing({ spec, resolved, observed }: Input): Finding {
  const type = 'Progressing';
  if (spec.paused) return fails(type, 'Paused', 'spec.paused is set: nothing is created, changed or removed');
  const rollout = observed.rollout?.find((finding) => finding.type === type);
  if (rollout && rollout.reason !== 'Complete') return rollout;
  const moving = observed.replicas.filter(({ state }) => state !== 'ready');
  const failing = moving.filter(({ failure }) => failure);
  const waiting = failing.filter(({ failure }) => waitingCodes.has(failure?.code ?? ''));
  if (failing.length > waiting.length)
    return fails(type, 'Failing', 'a replica fails to start and is tried again; WorkloadAvailable says why');
  if (waiting.length > 0) return fails(type, 'Waiting', `${waiting.length} replicas have no place to run yet`);
  const missing = isExternal(resolved) ? 0 : Math.max(0, observed.desired - observed.replicas.length);
  if (moving.length + missing === 0) return holds(type, 'Complete', 'every replica is as wanted');
  return holds(type, 'Moving', `${moving.length + missing} replicas are starting or ending`);
}

function rolloutHealthy({ resolved, observed }: Input): Finding {
  const type = 'RolloutHealthy';
  if (isExternal(resolved)) return holds(type, 'External', 'its revisions are somebody else’s');
  if (resolved.blocked) return unknown(type, resolved.blocked.reason, 'nothing is rolled out while this stands');
  const rollout = observed.rollout?.find((finding) => finding.type === type);
  return rollout ?? unknown(type, 'NotImplemented', 'a change takes effect at the next start');
}

function routerProgrammed({ observed }: Input): Finding {
  const type = 'RouterProgrammed';
  if (observed.router === 'ready') return holds(type, 'Programmed', 'the router knows this pool as it is');
  if (observed.router === 'not-selected') {
    return fails(
      type,
      'NotSelected',
      'no QwenRouter takes this pool: its spec.pools.selector leaves it out, or there is none',
    );
  }
  if (observed.router === 'stale') return fails(type, 'Stale', 'a router does not know this pool yet');
  return fails(type, 'RouterUnavailable', 'no router answers: they are starting, or cannot be reached from here');
}

/** A replica is ready only once it has loaded all of them. */
function adaptersLoaded({ spec, resolved, observed }: Input): Finding {
  const type = 'AdaptersLoaded';
  if ((spec.adapters?.length ?? 0) === 0) return holds(type, 'NoAdapters', 'none are asked for');
  const refused = resolved.notActedOn.find(({ path }) => path === 'spec.adapters');
  if (refused) return fails(type, 'Unsupported', refused.reason);
  const rollout = observed.rollout?.find((finding) => finding.type === 'Progressing');
  if (rollout && rollout.reason !== 'Complete')
    return unknown(type, 'Replacing', 'replicas of the newest revision have them, those before may not');
  const count = readyOf(observed);
  if (count === 0) return unknown(type, 'NotTried', 'no replica is ready, and so none has loaded them');
  return holds(type, 'Loaded', `each of ${count} ready replicas has ${resolved.adapters.length}`);
}

function sloMet({ spec }: Input): Finding {
  if (!spec.slo) return unknown('SLOMet', 'NoObjective', 'spec.slo is not set');
  return unknown('SLOMet', 'NotImplemented', 'objectives are not measured yet');
}
