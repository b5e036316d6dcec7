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

/** Of the pool as a whole. What a revision is told to have is no figure: it is stored before it is done. */
const figures = ['replicas', 'readyReplicas', 'updatedReplicas', 'availableReplicas'];
const told = ['message', 'lastTransitionTime'];

/** As JSON has it, without the numbers of replicas, and without what conditions say in words. */
function withoutFigures(status: unknown): unknown {
  if (!isObject(status)) return asStored(status);
  const { conditions, ...rest } = without(status, figures);
  if (!Array.isArray(conditions)) return asStored(rest);
  return asStored({ ...rest, conditions: conditions.map((is: unknown) => (isObject(is) ? without(is, told) : is)) });
}

const without = (of: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(of).filter(([key]) => !keys.includes(key)));
