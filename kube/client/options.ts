import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

export type CallOptions = { signal?: AbortSignal | undefined };

export type Scope = {
  /** All namespaces where absent. */
  namespace?: string | undefined;
  /** Such as `app=web,tier!=test`. */
  labelSelector?: string | undefined;
  /** Such as `metadata.name=web-0`. */
  fieldSelector?: string | undefined;
};

export type ListOptions = CallOptions &
  Scope & {
    /** Objects in a chunk. */
    limit?: number | undefined;
    /** `0` takes what the server has cached, which is cheap and may be a little old; absent means the newest. */
    resourceVersion?: string | undefined;
  };

export type WatchOptions = CallOptions & Scope & { resourceVersion: string; timeoutSeconds: number };

/** RFC 6902. */
export type JsonPatchOperation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; from: string; path: string };

export type Patch = { json: readonly JsonPatchOperation[] } | { merge: unknown };

export type PatchOptions = CallOptions & { subresource?: string; fieldManager?: string };

export type CreateOptions = CallOptions & { fieldManager?: string };

export type ApplyOptions<T extends KubeObject = KubeObject> = CallOptions & {
  fieldManager: string;
  /** Takes fields from other managers. Never for objects that belong to a user. */
  force?: boolean;
  subresource?: string;
  /** Where the plural of the object's kind is irregular. */
  resource?: Resource<T>;
};

export type DeleteOptions = CallOptions & {
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  gracePeriodSeconds?: number;
  /** Deletes only the object that was seen, not one of the same name made since. */
  preconditions?: { uid?: string; resourceVersion?: string };
};
