import type { Expression } from '../expression.ts';
import type { Bound } from '../json-range.ts';
import { refused, type Schema } from './schema.ts';

/** Numbers between the bounds of a schema; undefined without bounds. */
export function numberOf(
  schema: Schema,
  at: string,
  between: (least: Bound | undefined, most: Bound | undefined) => Expression | undefined,
): Expression | undefined {
  const least = boundOf(schema, 'minimum', 'exclusiveMinimum', Math.max, at);
  const most = boundOf(schema, 'maximum', 'exclusiveMaximum', Math.min, at);
  if (!least && !most) return undefined;
  const found = between(least, most);
  if (!found) throw refused(at, 'no number is between its bounds');
  return found;
}

function boundOf(
  schema: Schema,
  closed: string,
  open: string,
  tighter: (...values: number[]) => number,
  at: string,
): Bound | undefined {
  const [inclusive, exclusive] = [schema[closed], schema[open]].map((value, index) => {
    if (value === undefined || typeof value === 'number') return value;
    throw refused(at, `"${index === 0 ? closed : open}" is a number`);
  });
  if (exclusive === undefined) return inclusive === undefined ? undefined : { at: inclusive, open: false };
  const nearest = inclusive === undefined ? exclusive : tighter(exclusive, inclusive);
  return { at: nearest, open: nearest === exclusive };
}
