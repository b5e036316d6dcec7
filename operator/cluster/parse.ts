import { describeIssues } from '@qwenfleet/core/config';
import {
  deploymentSchema,
  hardwareSchema,
  routerSchema,
  type HardwareClass,
  type QwenDeployment,
  type QwenRouter,
} from '@qwenfleet/crds/kinds';
import { builtinClasses } from '@qwenfleet/crds/hardwareclass/builtin';
import { TerminalError } from '@qwenfleet/kube/controller/outcome';
import type { Cache } from '@qwenfleet/kube/reflector/store';
import type { z } from 'zod';
import type { CustomObject } from './kinds.ts';

/** Frozen objects of the cache, parsed once for each of their versions. */
const parsedObjects = new WeakMap<CustomObject, unknown>();

function parsed<T extends z.ZodType>(schema: T, object: CustomObject): z.infer<T> {
  const known = parsedObjects.get(object);
  // Only this function fills the map, and an object has one kind and so one schema.
  if (known !== undefined) return known as z.infer<T>;
  // A status of another version of this operator must not keep this one from reading the spec.
  const { status: _status, ...rest } = object;
  const result = schema.safeParse(rest);
  if (!result.success) {
    throw new TerminalError(`${object.kind} ${object.metadata.name} is not valid: ${describeIssues(result.error)}`);
  }
  parsedObjects.set(object, result.data);
  return result.data;
}

/** Throws a TerminalError for what the API server took and we cannot read: CRDs of another version. */
export const poolOf = (object: CustomObject): QwenDeployment => parsed(deploymentSchema, object);
export const routerOf = (object: CustomObject): QwenRouter => parsed(routerSchema, object);
export const classOf = (object: CustomObject): HardwareClass => parsed(hardwareSchema, object);

/** Can it be read at all? One that cannot says so in its own reconcile. */
export function isReadable(pool: CustomObject): boolean {
  try {
    poolOf(pool);
    return true;
  } catch {
    return false;
  }
}

/** A hardware class by name: one that somebody wrote, else one that is built in. */
export function hardwareClassNamed(classes: Cache<CustomObject>, name: string | undefined): HardwareClass | undefined {
  if (name === undefined) return undefined;
  const written = classes.get(name);
  if (written) return classOf(written);
  return builtin.get(name);
}

const builtin = new Map(
  builtinClasses.map(({ name, spec }) => [
    name,
    hardwareSchema.parse({
      apiVersion: 'qwenfleet.io/v1alpha1',
      kind: 'HardwareClass',
      metadata: { name },
      spec,
    }),
  ]),
);
