import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';

type Json = Record<string, unknown>;

/**
 * Lists whose items are told apart by one of their fields, as Kubernetes' own types say (`patchMergeKey`). The path is
 * that of the last field alone: none of these names means two things inside a pod template.
 */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  ports: 'containerPort',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  resourceClaims: 'name',
  schedulingGates: 'name',
};
/** Lists that a patch adds to. Kubernetes would replace tolerations, and a pod would lose those of its hardware. */
const appended: ReadonlySet<string> = new Set(['tolerations']);

/**
 * A strategic merge patch, as `kubectl patch --type strategic` applies it to a pod template: objects are merged, null
 * removes a field, lists of named things are merged by name, other lists are replaced. `$patch: replace` and
 * `$patch: delete` work on objects and on items. Neither argument is changed.
 * Throws `invalid_config` for directives that are not in this list, rather than to ignore them.
 *
 * @example strategicMerge(template, { spec: { containers: [{ name: 'engine', resources: { limits: { cpu: '8' } } }] } })
 */
export function strategicMerge(base: unknown, patch: unknown, path = ''): unknown {
  if (Array.isArray(patch)) return mergeLists(Array.isArray(base) ? base : [], patch, path);
  if (!isObject(patch)) return patch;
  const { $patch: directive, ...fields } = patch;
  refuseDirectives(fields, path);
  if (directive === 'replace') return cleaned(fields, path);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw unknownDirective(`$patch: ${JSON.stringify(directive)}`, path);
  const from = isObject(base) ? base : {};
  const merged: Json = { ...from };
  for (const [key, value] of Object.entries(fields)) {
    if (value === null) delete merged[key];
    else if (value !== undefined) merged[key] = strategicMerge(from[key], value, joined(path, key));
  }
  return merged;
}

function mergeLists(base: readonly unknown[], patch: readonly unknown[], path: string): unknown[] {
  const field = path.split('.').at(-1) ?? '';
  if (appended.has(field)) return [...base, ...patch.filter((item) => !base.some((other) => equal(other, item)))];
  const key = mergeKeys[field];
  if (key === undefined) return patch.map((item) => cleaned(item, path));
  const replaces = patch.some((item) => isObject(item) && item['$patch'] === 'replace' && item[key] === undefined);
  const start: unknown[] = replaces ? [] : [...base];
  return patch.reduce<unknown[]>((merged, item) => mergeItem(merged, item, { key, path }), start);
}

/** New items go to the end, so that what a patch says about the first container never moves it. */
function mergeItem(list: readonly unknown[], item: unknown, { key, path }: { key: string; path: string }): unknown[] {
  if (!isObject(item)) throw new FleetError('invalid_config', `${path} has an item that is not an object.`, at(path));
  if (item[key] === undefined) {
    if (item['$patch'] === 'replace') return [...list];
    throw new FleetError('invalid_config', `${path} has an item without ${key}, by which items are merged.`, at(path));
  }
  const where = list.findIndex((other) => isObject(other) && other[key] === item[key]);
  if (item['$patch'] === 'delete') return list.filter((_, index) => index !== where);
  if (where === -1) return [...list, strategicMerge({}, item, path)];
  return list.with(where, strategicMerge(list[where], item, path));
}

/** What replaces something carries no nulls and no directives into the result. */
const cleaned = (value: unknown, path: string): unknown => (isObject(value) ? strategicMerge({}, value, path) : value);

function refuseDirectives(fields: Json, path: string): void {
  const found = Object.keys(fields).find((key) => /^\$(setElementOrder|retainKeys|deleteFromPrimitiveList)/.test(key));
  if (found !== undefined) throw unknownDirective(found, path);
}

const unknownDirective = (directive: string, path: string): FleetError =>
  new FleetError(
    'invalid_config',
    `"${directive}" is not understood in a patch; $patch: replace, $patch: delete and null are.`,
    at(path),
  );

const at = (path: string): { param: string } => ({ param: joined('spec.podTemplate', path) });
const joined = (path: string, key: string): string => [path, key].filter((part) => part !== '').join('.');
const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
