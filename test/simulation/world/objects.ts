import type { KubeObject } from '@qwenfleet/kube/object';
import type { LeaseSpec } from '@qwenfleet/kube/lease/lease';
import type { Traffic } from '@qwenfleet/operator/rollout/types';
import type { RolloutStatus } from '@qwenfleet/operator/rollout/status';
import type { ScalingStatus } from '@qwenfleet/operator/scale/status';

export type Status = { scaling?: ScalingStatus | undefined; rollout?: RolloutStatus | undefined };

/** What objects of each kind hold, as far as this world knows it. */
export type Bodies = {
  pool: {
    /** The revision that the spec asks for. */
    aim: string;
    paused: boolean;
    maxReplicas: number;
    promote?: string | undefined;
    abort?: string | undefined;
    status: Status;
  };
  workload: { told: number };
  pod: {
    revision: string;
    phase: 'pending' | 'loading' | 'ready' | 'backoff' | 'terminating';
    startedMs: number;
    /** Starts of its container that failed, since it was ready last. */
    failedStarts: number;
  };
  /** What routers are to do, in the Secret with their configuration. */
  traffic: Traffic;
  lease: LeaseSpec;
};
export type Kind = keyof Bodies;

/** An object as the API server holds it. */
export type Stored<K extends Kind> = KubeObject & { readonly body: Bodies[K] };

export const versionOf = (object: KubeObject | undefined): number => Number(object?.metadata.resourceVersion ?? 0);
