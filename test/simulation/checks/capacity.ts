import type { Turn } from '../world/reconciler.ts';

type Found = { readMs: number; desired: number; minReplicas: number; maxReplicas: number };

/** What the scaler may never do: leave its bounds, shrink without knowing, or take from what it found. */
export class Capacity {
  /** What each process found when it last went on from a stored state. */
  readonly #found = new Map<string, Found>();

  problem(by: string, turn: Turn, nowMs: number): string | undefined {
    if (!turn.scaled) return undefined;
    return outside(turn) ?? blind(turn) ?? missed(turn) ?? this.#forgot(by, turn, nowMs);
  }

  /** For one stable window a process that goes on from a stored state removes nothing, unless the bounds changed. */
  #forgot(by: string, { scaled, desired, readMs }: Turn, nowMs: number): string | undefined {
    if (!scaled) return undefined;
    const { minReplicas, maxReplicas, stableMs } = scaled.spec;
    const before = this.#found.get(by);
    const found = before?.readMs === readMs ? before : { readMs, desired, minReplicas, maxReplicas };
    this.#found.set(by, found);
    const same = found.minReplicas === minReplicas && found.maxReplicas === maxReplicas;
    const { restoredAtMs } = scaled.before;
    if (!same || restoredAtMs === undefined || nowMs - readMs > stableMs - 1) return undefined;
    return desired < found.desired ? `a new process wants ${desired} replicas and found ${found.desired}` : undefined;
  }
}

function outside({ scaled, desired }: Turn): string | undefined {
  const { minReplicas = 0, maxReplicas = 0 } = scaled?.spec ?? {};
  return desired < minReplicas || desired > maxReplicas
    ? `${desired} replicas wanted, between ${minReplicas} and ${maxReplicas} allowed`
    : undefined;
}

/** A signal that is missing or in parts takes nothing away. */
function blind({ scaled, desired }: Turn): string | undefined {
  if (!scaled) return undefined;
  const { before, observation, spec } = scaled;
  const knows = observation.signal?.value !== undefined && observation.signal.partial !== true;
  const kept = Math.min(before.desired, spec.maxReplicas);
  return !knows && desired < kept ? `${kept} replicas became ${desired} though not every router was heard` : undefined;
}

/** Requests that wait or run keep a replica, and none goes while one waits. */
function missed({ scaled, desired }: Turn): string | undefined {
  if (!scaled) return undefined;
  const { before, observation, spec } = scaled;
  const { held = 0, inFlight = 0 } = observation.signal ?? {};
  const kept = Math.min(Math.max(held > 0 ? before.desired : 0, held + inFlight > 0 ? 1 : 0), spec.maxReplicas);
  return desired < kept ? `${desired} replicas wanted while ${held} requests wait and ${inFlight} run` : undefined;
}
