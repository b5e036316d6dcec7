import type { Condition } from '@qwenfleet/crds/status';
import type { Tier } from '@qwenfleet/core/fleet/tier';

export type ReplicaStatus = {
  id: string;
  pid: number | undefined;
  state: string;
  url: string | undefined;
  ageMs: number;
  restarts: number;
  progress?: { phase: string; done: number; total: number } | undefined;
  failure?: { code: string; message: string } | undefined;
};

/** One pool as `qwenfleet status` shows it. */
export type PoolStatus = {
  name: string;
  tier: Tier;
  model: string;
  status: 'ready' | 'starting' | 'scaled-to-zero' | 'unavailable';
  ready: number;
  desired: number;
  inFlight: number;
  held: number;
  restarts: number;
  /** What the scaler decided last, and why. */
  lastDecision: string;
  replicas: ReplicaStatus[];
  conditions: Condition[];
  /** Fields of the spec that nothing follows from here. */
  notActedOn: { path: string; reason: string }[];
};

/** A fleet that runs on this machine. */
export type LocalStatus = { url: string; router: { pid: number | undefined; restarts: number }; pools: PoolStatus[] };
