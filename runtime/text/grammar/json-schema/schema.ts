import { FleetError } from '@qwenfleet/core/errors';

/** One, as an object. */
export type Schema = Readonly<Record<string, unknown>>;

export const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string');
export const refused = (at: string, why: string): FleetError =>
  new FleetError('invalid_request', `at ${at.slice(0, 200)}, ${why}`);

/** How many of something a keyword allows; undefined where it does not say. */
export function sizeOf(schema: Schema, keyword: string, at: string): number | undefined {
  const size = schema[keyword];
  if (size === undefined) return undefined;
  if (typeof size === 'number' && Number.isInteger(size) && size >= 0) return size;
  throw refused(at, `"${keyword}" is a whole number from 0 on`);
}
