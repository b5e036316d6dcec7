type Json = Record<string, unknown>;

/** Lists of objects that are merged item by item, by this key; every other list is replaced (Kubernetes' own table). */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ports: 'containerPort',
  imagePullSecrets: 'name',
  topologySpreadConstraints: 'topologyKey',
  hostAliases: 'ip',
};
/** Lists that a patch adds to. */
const appended = new Set(['tolerations']);

/**
 * A strategic merge patch: objects are merged, null removes a field, lists of named things are merged by name, and an
 * item with `$patch: delete` is taken out. Pure; neither argument is changed.
 */
export function strategicMerge(base: unknown, patch: unknown, field = ''): unknown {
  if (patch === undefined) return base;
  if (Array.isArray(patch)) return mergeList(Array.isArray(base) ? base : [], patch, field);
  if (!isObject(patch)) return patch;
  const from = isObject(base) ? base : {};
  const merged: Json = { ...from };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = strategicMerge(from[key], value, key);
  }
  return merged;
}

function mergeList(base: readonly unknown[], patch: readonly unknown[], field: string): unknown[] {
  if (appended.has(field)) return [...base, ...patch];
  const key = mergeKeys[field];
  if (key === undefined || !patch.every(isObject)) return [...patch];
  let merged: unknown[] = [...base];
  for (const item of patch) {
    const at = merged.findIndex((other) => isObject(other) && other[key] === item[key]);
    if (item['$patch'] === 'delete') merged = merged.filter((_, index) => index !== at);
    else if (at === -1) merged.push(item);
    else merged[at] = strategicMerge(merged[at], item);
  }
  return merged;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
