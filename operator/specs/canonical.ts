import { createHash } from 'node:crypto';
import { revisionDigits } from '@qwenfleet/core/fleet/revision-name';
import { isObject } from '@qwenfleet/core/json';

/** JSON with its keys in order and without what is undefined: equal values have equal text, however they were built. */
export const canonicalJson = (value: unknown): string => JSON.stringify(value, inOrder);

const inOrder = (_key: string, value: unknown): unknown =>
  isObject(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value;

/** Hexadecimal digits of a SHA-256 over the canonical JSON; as many as a revision has unless told otherwise. */
export const digestOf = (value: unknown, digits = revisionDigits): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, digits);
