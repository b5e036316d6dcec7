import { choice, nothing, optional, repeat, sequence, shared, type Expression } from '../expression.ts';
import * as json from '../json.ts';

/** Fields that may be left out or may not, with commas between those that are there. */
export function inOrder(fields: readonly { field: Expression; required: boolean }[]): Expression {
  let after: Expression = nothing;
  let first: Expression = nothing;
  for (const { field, required } of fields.toReversed()) {
    const rest = after;
    after = shared(choice(sequence(json.comma, field, rest), ...(required ? [] : [rest])));
    first = shared(choice(sequence(field, rest), ...(required ? [] : [first])));
  }
  return first;
}

/** Items with a schema each, then any number of one more kind. */
export function listOf(
  head: readonly Expression[],
  rest: Expression,
  counts: { head: number; rest: number; restMost: number },
): Expression {
  const more = (least: number, most: number): Expression => repeat(sequence(json.comma, rest), least, most);
  const { restMost } = counts;
  if (head.length === 0) {
    if (restMost === 0) return nothing;
    const some = sequence(rest, more(Math.max(0, counts.rest - 1), restMost - 1));
    return counts.rest === 0 ? optional(some) : some;
  }
  let tail = more(counts.rest, restMost);
  for (let index = head.length - 1; index >= 0; index -= 1) {
    const item = sequence(...(index === 0 ? [] : [json.comma]), head[index] ?? nothing, tail);
    tail = shared(index < counts.head ? item : optional(item));
  }
  return tail;
}
