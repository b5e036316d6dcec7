import { isDeepStrictEqual } from 'node:util';
import { isObject } from '@qwenfleet/core/json';
import type { Condition } from '@qwenfleet/crds/status';
import type { KubeClient } from '@qwenfleet/kube/client/client';
import type { Resource } from '@qwenfleet/kube/resource';
import { secondTime } from '@qwenfleet/kube/time';
import { withTransitions, type Finding } from '../reconcile/conditions.ts';
import type { CustomObject } from './kinds.ts';

const fieldManager = 'qwen-operator-status';

/** Findings as conditions of an object: with the time of their last flip, and the generation that they were seen at. */
export function conditionsOf(
  findings: readonly Finding[],
  before: readonly Condition[] | undefined,
  { generation, nowEpochMs }: { generation: number | undefined; nowEpochMs: number },
): Condition[] {
  return withTransitions(before ?? [], findings, secondTime(nowEpochMs)).map((condition) =>
    generation === undefined ? condition : { ...condition, observedGeneration: generation },
  );
}

/**
 * Writes the status of an object as the cache has it, unless that would change nothing. Throws a conflict when the object
 * has changed since, where `unmoved` asks for that.
 * @returns the object as it is then; undefined where nothing was written.
 */
export async function writeStatus(
  client: KubeClient,
  { resource, object, status, asWritten = status, unmoved = false }: StatusWrite,
  signal: AbortSignal,
): Promise<CustomObject | undefined> {
  if (sameStatus(object.status, asWritten)) return undefined;
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, resourceVersion } = metadata;
  const at = { name, ...(namespace && { namespace }), ...(unmoved && resourceVersion && { resourceVersion }) };
  const wanted: CustomObject = { apiVersion, kind, metadata: at, status: asStored(status) };
  return client.applyStatus(wanted, { fieldManager, force: true, signal, resource });
}
export type StatusWrite = {
  resource: Resource<CustomObject>;
  object: CustomObject;
  status: object;
  /** The status without what is no reason to write, where there is such. */
  asWritten?: object;
  unmoved?: boolean;
};

export const sameStatus = (a: unknown, b: unknown): boolean => isDeepStrictEqual(asStored(a), asStored(b));

/** Of what the cache holds, which never changes. */
const storedForms = new WeakMap<object, unknown>();

/**
 * As JSON has it: without what is undefined, with keys in any order, and without empty objects. Where fields have gone,
 * server-side apply makes null of an empty object that had some, and the API server refuses that.
 */
export function asStored(value: unknown): unknown {
  if (!isObject(value) || !Object.isFrozen(value)) return stored(value) ?? {};
  const known = storedForms.get(value) ?? stored(value) ?? {};
  storedForms.set(value, known);
  return known;
}

/** Undefined for what is left out. Not by JSON.parse with a reviver, which takes ten times as long. */
function stored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => stored(item) ?? null);
  if (!isObject(value)) return value;
  const some = Object.entries(value).flatMap(([key, inner]) => {
    const is = stored(inner);
    return is === undefined ? [] : [[key, is] as const];
  });
  return some.length === 0 ? undefined : Object.fromEntries(some);
}
