import { FleetError } from '@qwenfleet/core/errors';
import type { KubeObject, ObjectReference } from './object.ts';

declare const objectType: unique symbol;

/** A kind as the API serves it. `T` is the type of its objects. */
export type Resource<T extends KubeObject = KubeObject> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never there: it only carries the type. */
  readonly [objectType]?: T;
};

/**
 * Describes a kind. Plurals follow the rule that kubectl and code generators use; give `plural` where it breaks.
 *
 *     const widgets = resource<Widget>({ apiVersion: 'example.com/v1', kind: 'Widget' });
 */
export function resource<T extends KubeObject>(of: {
  apiVersion: string;
  kind: string;
  plural?: string;
  namespaced?: boolean;
}): Resource<T> {
  const { apiVersion, kind, plural = pluralOf(kind), namespaced = true } = of;
  return { apiVersion, kind, plural, namespaced };
}

/** A guess from the object alone, right for every kind with a regular plural. */
export const resourceOf = <T extends KubeObject>({ apiVersion, kind, metadata }: T): Resource<T> =>
  resource<T>({ apiVersion, kind, namespaced: metadata.namespace !== undefined });

export function pluralOf(kind: string): string {
  const word = kind.toLowerCase();
  if (/[^aeiou]y$/.test(word)) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/** `apps/v1` is group `apps`, version `v1`; `v1` is the core group, whose name is empty. */
export function splitApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0
    ? { group: '', version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/**
 * Where a collection, an object or a subresource is: `/apis/apps/v1/namespaces/a/deployments/b/scale`.
 * Throws `invalid_request` where a namespaced object is named without its namespace.
 */
export function resourcePath(
  of: Resource,
  at: Partial<ObjectReference> & { subresource?: string | undefined },
): string {
  const { namespace, name, subresource } = at;
  if (of.namespaced && name !== undefined && namespace === undefined) {
    throw new FleetError('invalid_request', `${of.kind} "${name}" is named without its namespace.`);
  }
  const root = of.apiVersion.includes('/') ? ['apis', ...of.apiVersion.split('/')] : ['api', of.apiVersion];
  const space = of.namespaced && namespace !== undefined ? ['namespaces', namespace] : [];
  const parts = [...root, ...space, of.plural, name, subresource].filter((part) => part !== undefined);
  return `/${parts.map(encodeURIComponent).join('/')}`;
}
