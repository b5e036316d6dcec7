import { crossCheck, type FleetObjects } from './fleet-file/cross-check.ts';
import { readDocuments, type FleetDocument } from './fleet-file/documents.ts';
import { parseObject, type ParsedObject } from './fleet-file/object.ts';
import { patchFleet } from './fleet-file/patch.ts';
import { problemsError, type Problem } from './fleet-file/problem.ts';
import { builtinClasses } from './hardwareclass/builtin.ts';
import {
  apiVersion,
  hardwareSchema,
  routerSchema,
  type HardwareClass,
  type QwenDeployment,
  type QwenRouter,
  type Secret,
} from './kinds.ts';

export { readDocuments, type FleetDocument } from './fleet-file/documents.ts';
export { patchFleet } from './fleet-file/patch.ts';

export type FleetFile = { text: string; fileName: string };

/** Everything that a fleet file describes, with defaults filled in as the API server would. */
export type Fleet = {
  router: QwenRouter;
  deployments: QwenDeployment[];
  /** Those of the file, and the built-in ones that it does not replace. */
  hardwareClasses: HardwareClass[];
  secrets: Secret[];
};

/**
 * Reads a fleet file of several YAML documents, and the files of partial objects that are merged into it.
 * Throws `invalid_config` with every problem at once: `fleet.yaml:4:9: spec.tier: "huge" is not one of small, …`.
 *
 * @example parseFleet(readFileSync('fleet.yaml', 'utf8'), 'fleet.yaml')
 */
export function parseFleet(text: string, fileName: string, patches: readonly FleetFile[] = []): Fleet {
  return parseFleetFiles([{ text, fileName }], patches);
}

/** The same for a fleet that is spread over several files, as `kubectl apply -f a -f b` would take it. */
export function parseFleetFiles(files: readonly FleetFile[], patches: readonly FleetFile[] = []): Fleet {
  const documents = patches.reduce<FleetDocument[]>(
    (merged, patch) => patchFleet(merged, readDocuments(patch.text, patch.fileName)),
    files.flatMap((file) => readDocuments(file.text, file.fileName)),
  );
  return fleetOf(documents, files[0]?.fileName ?? 'fleet');
}

/** Checks documents and makes a fleet of them; see `parseFleet`. */
export function fleetOf(documents: readonly FleetDocument[], fileName: string): Fleet {
  const results = documents.map(parseObject);
  const problems: Problem[] = results.flatMap((result) => (Array.isArray(result) ? result : []));
  const parsed = results.filter((result): result is ParsedObject => !Array.isArray(result));
  const objects = sorted(parsed);
  const hardwareClasses = withBuiltins(objects.hardwareClasses.map(({ object }) => object));
  if (problems.length === 0 && objects.deployments.length === 0) {
    problems.push({
      file: fileName,
      line: 1,
      column: 1,
      path: '(root)',
      message: 'there is no QwenDeployment in this file; a fleet needs one at least',
    });
  }
  problems.push(...crossCheckOf(parsed, objects, documents, hardwareClasses, problems));
  if (problems.length > 0) throw problemsError(problems);
  return {
    router: objects.routers[0]?.object ?? impliedRouter(),
    deployments: objects.deployments.map(({ object }) => object),
    hardwareClasses,
    secrets: objects.secrets.map(({ object }) => object),
  };
}

/** References to an object that is itself refused would be reported as missing, so they wait until it is right. */
function crossCheckOf(
  parsed: ParsedObject[],
  objects: FleetObjects,
  documents: readonly FleetDocument[],
  classes: HardwareClass[],
  problems: Problem[],
): Problem[] {
  if (parsed.length < documents.length || problems.length > 0) return [];
  return crossCheck(
    parsed,
    objects,
    classes.map(({ metadata }) => metadata.name),
  );
}

function sorted(parsed: readonly ParsedObject[]): FleetObjects {
  const objects: FleetObjects = { routers: [], deployments: [], hardwareClasses: [], secrets: [] };
  for (const { document, object } of parsed) {
    if (object.kind === 'QwenRouter') objects.routers.push({ document, object });
    else if (object.kind === 'QwenDeployment') objects.deployments.push({ document, object });
    else if (object.kind === 'HardwareClass') objects.hardwareClasses.push({ document, object });
    else objects.secrets.push({ document, object });
  }
  return objects;
}

/** The classes that somebody wrote, and the built-in ones whose names they leave. */
export function withBuiltins(written: readonly HardwareClass[]): HardwareClass[] {
  const names = new Set(written.map(({ metadata }) => metadata.name));
  const builtin = builtinClasses
    .filter(({ name }) => !names.has(name))
    .map(({ name, spec }) => hardwareSchema.parse({ apiVersion, kind: 'HardwareClass', metadata: { name }, spec }));
  return [...written, ...builtin];
}

/** Pools without a router could not be reached on one machine, so the plainest one is meant. */
const impliedRouter = (): QwenRouter =>
  routerSchema.parse({ apiVersion, kind: 'QwenRouter', metadata: { name: 'router' }, spec: {} });
