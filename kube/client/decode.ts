import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

const metadataSchema = z.looseObject({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
});
const objectSchema = z.looseObject({ metadata: metadataSchema });
const pageSchema = z.object({
  metadata: z.object({
    resourceVersion: z.string().optional(),
    continue: z.string().optional(),
    remainingItemCount: z.number().optional(),
  }),
  items: z.array(z.unknown()).nullable(),
});

export type Page<T extends KubeObject> = {
  items: T[];
  resourceVersion: string;
  /** Asks for the next chunk; empty after the last. */
  continueToken: string;
};

/**
 * Checks what this room relies on; that the rest is a `T` is the API server's word, which validated it against its
 * schema. Items of a list leave out what kind they are, so it is filled in.
 */
export function decodeObject<T extends KubeObject>(of: Resource<T>, json: unknown): T {
  const parsed = objectSchema.safeParse(json);
  if (!parsed.success) throw unreadable(`a ${of.kind}`, parsed.error);
  return { apiVersion: of.apiVersion, kind: of.kind, ...parsed.data } as unknown as T;
}

export function decodePage<T extends KubeObject>(of: Resource<T>, json: unknown): Page<T> {
  const parsed = pageSchema.safeParse(json);
  if (!parsed.success) throw unreadable(`a list of ${of.plural}`, parsed.error);
  const { metadata, items } = parsed.data;
  return {
    items: (items ?? []).map((item) => decodeObject(of, item)),
    resourceVersion: metadata.resourceVersion ?? '',
    continueToken: metadata.continue ?? '',
  };
}

const unreadable = (what: string, cause: unknown): FleetError =>
  new FleetError('upstream_failed', `The API server's answer is not ${what}.`, { cause, retryable: false });
