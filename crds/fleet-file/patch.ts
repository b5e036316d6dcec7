import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';
import type { FleetDocument } from './documents.ts';

/**
 * Merges partial objects into those of the same kind and name, as JSON merge patches (RFC 7386); the rest is left as
 * it is. Throws `invalid_config` when a patch meets no object, since that is a misspelt name.
 */
export function patchFleet(documents: readonly FleetDocument[], patches: readonly FleetDocument[]): FleetDocument[] {
  const merged = [...documents];
  const unmatched: string[] = [];
  for (const patch of patches) {
    const at = merged.findIndex((document) => identityOf(document) === identityOf(patch));
    const base = merged[at];
    if (base) merged[at] = merge(base, patch);
    else unmatched.push(describeUnmatched(patch, documents));
  }
  if (unmatched.length > 0) throw new FleetError('invalid_config', unmatched.join('\n'));
  return merged;
}

function merge(base: FleetDocument, patch: FleetDocument): FleetDocument {
  return {
    value: mergePatch(base.value, patch.value),
    depthOf: (path) => Math.max(base.depthOf(path), patch.depthOf(path)),
    // A line of the patch wins over a line of the file as its value did.
    locate: (path, key) => (patch.depthOf(path) >= base.depthOf(path) ? patch : base).locate(path, key),
  };
}

function mergePatch(base: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const target = isObject(base) ? base : {};
  const changed = Object.entries(patch).map(([key, value]): [string, unknown] => [key, mergePatch(target[key], value)]);
  return { ...target, ...Object.fromEntries(changed) };
}

function identityOf({ value }: FleetDocument): string {
  if (!isObject(value)) return '';
  const metadata = isObject(value['metadata']) ? value['metadata'] : {};
  return `${String(value['kind'])}/${String(metadata['name'])}`;
}

function describeUnmatched(patch: FleetDocument, documents: readonly FleetDocument[]): string {
  const { file, line, column } = patch.locate(['metadata', 'name']);
  const known = documents.map(identityOf).join(', ');
  return `${file}:${line}:${column}: there is no ${identityOf(patch)} to patch; the fleet has ${known}`;
}
