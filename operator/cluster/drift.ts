import { isObject } from '@qwenfleet/core/json';

/** Keys by which the items of a list are told apart, in the order in which they are tried. */
const itemKeys = ['name', 'containerPort', 'port', 'key', 'type', 'mountPath', 'ip', 'topologyKey'] as const;

/**
 * The part of a live value that a desired one speaks of: fields that nobody asked for are left out, items of lists are
 * matched by their key, so that what the API server fills in does not count as a difference.
 */
export function projected(live: unknown, desired: unknown): unknown {
  if (Array.isArray(desired)) return Array.isArray(live) ? projectedItems(live, desired) : live;
  if (!isObject(desired) || !isObject(live)) return live;
  return Object.fromEntries(Object.keys(desired).map((key) => [key, projected(live[key], desired[key])]));
}

/** Does the live object carry every value that the desired one names? */
export const carries = (live: unknown, desired: unknown): boolean => same(projected(live, desired), desired);

function projectedItems(live: readonly unknown[], desired: readonly unknown[]): unknown[] {
  if (!desired.every(isObject)) return [...live];
  const key = itemKeys.find((name) => tellsApart(name, desired));
  return desired.map((item, at) => {
    const match = key === undefined ? live[at] : live.find((other) => isObject(other) && other[key] === item[key]);
    return projected(match, item);
  });
}

/** Ports of a policy may be the same number twice, once for each protocol. */
function tellsApart(name: string, items: readonly unknown[]): boolean {
  const values = items.map((item) => (isObject(item) ? item[name] : undefined));
  return values.every((value) => value !== undefined) && new Set(values).size === items.length;
}

/** Deep equality of JSON; an absent field and an empty list or object are the same, because the API server drops them. */
function same(a: unknown, b: unknown): boolean {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, at) => same(item, b[at]));
  if (!isObject(a) || !isObject(b)) return false;
  return Object.keys(b).every((key) => same(a[key], b[key]));
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.length === 0) ||
  (isObject(value) && Object.keys(value).length === 0);
