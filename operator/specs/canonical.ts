import { createHash } from 'node:crypto';

/** JSON with its keys in order and without what is undefined: equal values have equal text, however they were built. */
export const canonicalJson = (value: unknown): string => JSON.stringify(value, inOrder);

const inOrder = (_key: string, value: unknown): unknown =>
  isPlain(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value;

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Hexadecimal digits of a SHA-256 over the canonical JSON; ten are enough to tell the versions of one object apart. */
export const digestOf = (value: unknown, digits = 10): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, digits);
