import { FleetError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import { readStatusError } from '../client/status-error.ts';
import { decodeObject } from '../client/decode.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';

export type WatchEvent<T> =
  | { type: 'put' | 'remove'; object: T; resourceVersion: string }
  | { type: 'bookmark'; resourceVersion: string };

/** A line of a watch that cannot be read: something may have been missed. */
export class MalformedEvent extends FleetError {
  constructor(cause: unknown) {
    super('upstream_failed', 'A line of the watch could not be read.', { cause });
  }
}

const lineSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const statusCodeSchema = z.object({ code: z.number() });

/** Throws `MalformedEvent`, and a `StatusError` for an event that is an error (410 above all). */
export function readWatchEvent<T extends KubeObject>(of: Resource<T>, line: string): WatchEvent<T> {
  const { type, object } = parsed(() => lineSchema.parse(JSON.parse(line)));
  if (type === 'ERROR') {
    const { code } = parsed(() => statusCodeSchema.parse(object));
    throw readStatusError(code, JSON.stringify(object));
  }
  if (type === 'BOOKMARK') {
    const { resourceVersion } = parsed(() => bookmarkSchema.parse(object)).metadata;
    return { type: 'bookmark', resourceVersion };
  }
  const read = parsed(() => decodeObject(of, object));
  const resourceVersion = read.metadata.resourceVersion ?? '';
  return { type: type === 'DELETED' ? 'remove' : 'put', object: read, resourceVersion };
}

function parsed<R>(read: () => R): R {
  try {
    return read();
  } catch (cause) {
    throw new MalformedEvent(cause);
  }
}
