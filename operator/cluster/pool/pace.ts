import { isDeepStrictEqual } from 'node:util';
import { isObject } from '@qwenfleet/core/json';
import type { QwenDeploymentStatus } from '@qwenfleet/crds/kinds';
import type { CustomObject } from '../kinds.ts';
import { asStored } from '../status-writer.ts';

/** While replicas come and go, their number is told this often; what changes a condition is told at once. */
export const figuresEveryMs = 15_000;

/** Keeps a pool whose replicas come one by one from a write for each of them. */
export class StatusPace {
  /** When each object was first seen; a write of its status makes another object of it. */
  readonly #sinceMs = new WeakMap<CustomObject, number>();

  /** @returns in how many milliseconds the status may be written: 0 for news, and for figures that are due. */
  waitMs(object: CustomObject, status: QwenDeploymentStatus, nowMs: number): number {
    const sinceMs = this.#sinceMs.get(object) ?? nowMs;
    this.#sinceMs.set(object, sinceMs);
    return isDeepStrictEqual(withoutFigures(object.status), withoutFigures(status))
      ? Math.max(0, sinceMs + figuresEveryMs - nowMs)
      : 0;
  }
}

const figures = new Set(['replicas', 'readyReplicas', 'updatedReplicas', 'availableReplicas']);
const told = new Set(['message', 'lastTransitionTime']);

/** As JSON has it, without the numbers of replicas, and without what conditions say in words. */
const withoutFigures = (status: unknown): unknown => asStored(pruned(status));

function pruned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(pruned);
  if (!isObject(value)) return value;
  const isCondition = 'reason' in value;
  const kept = Object.entries(value).filter(([key]) => !figures.has(key) && !(isCondition && told.has(key)));
  return Object.fromEntries(kept.map(([key, inner]) => [key, pruned(inner)]));
}
