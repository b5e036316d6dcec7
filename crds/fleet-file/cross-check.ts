import type { HardwareClass, QwenDeployment, QwenRouter, Secret } from '../kinds.ts';
import { secretEntries } from '../secret.ts';
import type { ParsedObject } from './object.ts';
import type { FleetDocument } from './documents.ts';
import { problemAt, type Problem } from './problem.ts';
import { selects } from './selector.ts';
import { didYouMean } from './suggest.ts';

type Found<T> = { document: FleetDocument; object: T };
export type FleetObjects = {
  routers: Found<QwenRouter>[];
  deployments: Found<QwenDeployment>[];
  hardwareClasses: Found<HardwareClass>[];
  secrets: Found<Secret>[];
};

/** Names that mean something else to the router. */
const reservedNames = new Set(['auto']);

/** What no single object can know: references, names, and that there is something to route to. */
export function crossCheck(
  all: readonly ParsedObject[],
  objects: FleetObjects,
  classNames: readonly string[],
): Problem[] {
  return [
    ...repeatedObjects(all),
    ...objects.deployments.flatMap((found) => hardwareProblems(found, classNames)),
    ...nameProblems(objects.deployments),
    ...routerProblems(objects),
    ...secretProblems(objects),
  ];
}

function repeatedObjects(all: readonly ParsedObject[]): Problem[] {
  const seen = new Set<string>();
  return all.flatMap(({ document, object }) => {
    const id = `${object.kind} "${object.metadata.name}"`;
    if (seen.has(id)) return [problemAt(document, ['metadata', 'name'], `${id} is in this fleet already; rename one`)];
    seen.add(id);
    return [];
  });
}

function hardwareProblems({ document, object }: Found<QwenDeployment>, classNames: readonly string[]): Problem[] {
  const wanted = object.spec.hardware?.class;
  if (wanted === undefined || classNames.includes(wanted)) return [];
  const hint =
    didYouMean(wanted, classNames) || `; there are ${classNames.join(', ')}. Add a HardwareClass of this name`;
  return [problemAt(document, ['spec', 'hardware', 'class'], `there is no HardwareClass "${wanted}"${hint}`)];
}

function nameProblems(deployments: readonly Found<QwenDeployment>[]): Problem[] {
  const owners = new Map<string, string>();
  return deployments.flatMap(({ document, object }) =>
    namesOf(object).flatMap(({ name, path }) => {
      const owner = owners.get(name);
      if (reservedNames.has(name)) {
        return [
          problemAt(document, path, `"${name}" lets the router choose and cannot name a model; choose another name`),
        ];
      }
      if (owner !== undefined && owner !== object.metadata.name) {
        return [
          problemAt(document, path, `"${name}" is served by "${owner}" already; names must be unique in a fleet`),
        ];
      }
      owners.set(name, object.metadata.name);
      return [];
    }),
  );
}

/** Every name that a client may ask for to get this pool, and where it was written. */
function namesOf({ metadata, spec }: QwenDeployment): { name: string; path: PropertyKey[] }[] {
  return [
    { name: metadata.name, path: ['metadata', 'name'] },
    ...(spec.model.servedName === undefined
      ? []
      : [{ name: spec.model.servedName, path: ['spec', 'model', 'servedName'] }]),
    ...(spec.model.aliases ?? []).map((name, at) => ({ name, path: ['spec', 'model', 'aliases', at] })),
    ...(spec.adapters ?? []).map(({ name }, at) => ({ name, path: ['spec', 'adapters', at, 'name'] })),
  ];
}

function routerProblems({ routers, deployments }: FleetObjects): Problem[] {
  const [first, ...others] = routers;
  const tooMany = others.map(({ document }) =>
    problemAt(document, ['metadata', 'name'], 'this is the second QwenRouter; a fleet file has one'),
  );
  if (!first) return tooMany;
  const { selector } = first.object.spec.pools;
  if (deployments.some(({ object }) => selects(selector, object))) return tooMany;
  const labels = deployments.map(
    ({ object }) => `${object.metadata.name} ${JSON.stringify(object.metadata.labels ?? {})}`,
  );
  const known = labels.length > 0 ? `the pools have ${labels.join(', ')}` : 'there is no QwenDeployment';
  return [...tooMany, problemAt(first.document, ['spec', 'pools', 'selector'], `selects no QwenDeployment; ${known}`)];
}

type Reference = { document: FleetDocument; path: PropertyKey[]; name: string; key: string | undefined };

function secretProblems(objects: FleetObjects): Problem[] {
  const secrets = new Map(objects.secrets.map(({ object }) => [object.metadata.name, object]));
  return references(objects).flatMap(({ document, path, name, key }) => {
    const secret = secrets.get(name);
    if (!secret) {
      const hint = didYouMean(name, [...secrets.keys()]) || '; add it to this file as a v1 Secret';
      return [problemAt(document, [...path, 'name'], `there is no Secret "${name}"${hint}`)];
    }
    const entries = secretEntries(secret);
    if (entries.size === 0) return [problemAt(document, [...path, 'name'], `Secret "${name}" has no entries`)];
    if (key === undefined || entries.get(key)?.trim()) return [];
    return [
      problemAt(
        document,
        [...path, 'key'],
        `Secret "${name}" has no entry "${key}"; it has ${[...entries.keys()].join(', ')}`,
      ),
    ];
  });
}

function references({ routers, deployments }: FleetObjects): Reference[] {
  const ofRouters = routers.flatMap(({ document, object }) =>
    (object.spec.keys ?? []).map(({ secretRef }, at) => ({
      document,
      path: ['spec', 'keys', at, 'secretRef'],
      name: secretRef.name,
      key: secretRef.key,
    })),
  );
  const ofDeployments = deployments.flatMap(({ document, object }) =>
    (['model', 'engine'] as const).flatMap((part) => {
      const ref = object.spec[part].secretRef;
      return ref ? [{ document, path: ['spec', part, 'secretRef'], name: ref.name, key: ref.key ?? 'token' }] : [];
    }),
  );
  return [...ofRouters, ...ofDeployments];
}
