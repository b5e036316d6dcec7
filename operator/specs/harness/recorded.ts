import { readFileSync } from 'node:fs';
import { deploymentSchema, hardwareSchema, type HardwareClass, type QwenDeployment } from '@qwenfleet/crds/kinds';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../object.ts';
import { readRecord, type RevisionRecord } from '../pool/record.ts';
import { everything, images, objectsOf, type Setting } from './pool.ts';

/** A pool as somebody wrote it, and what a build of the operator made of it then. */
export type Recorded = {
  deployment: QwenDeployment;
  setting: Setting;
  /** Empty in a file that nobody has recorded yet. */
  written: KubeObject[];
};

const recordedKinds = ['ConfigMap', 'Deployment', 'LeaderWorkerSet'];

/** Throws for a file without a QwenDeployment. */
export function readRecorded(file: URL): Recorded {
  const documents: unknown[] = parseAllDocuments(readFileSync(file, 'utf8')).map((each) => each.toJS() as unknown);
  const hardwareClass = documents.flatMap((each) => hardwareSchema.safeParse(each).data ?? [])[0];
  const deployment = documents.flatMap((each) => deploymentSchema.safeParse(each).data ?? [])[0];
  if (!deployment) throw new Error(`there is no valid QwenDeployment in ${file.pathname}`);
  // Written by `madeOf` before.
  const written = (documents as KubeObject[]).filter(({ kind }) => recordedKinds.includes(kind));
  return { deployment, setting: settingOf(hardwareClass), written };
}

const settingOf = (hardwareClass: HardwareClass | undefined): Setting => ({
  // Two examples need neighbours; none of the others may change for their presence.
  capabilities: everything,
  ...(hardwareClass ? { hardwareClass } : {}),
});

/** What this build makes of the pool: the record of its revision, and what runs its pods. */
export const madeOf = (
  { deployment, setting }: Recorded,
  records: readonly RevisionRecord[] = [],
  newImages = images,
): KubeObject[] =>
  objectsOf(deployment, { ...setting, images: newImages, records }).objects.filter(({ kind }) =>
    recordedKinds.includes(kind),
  );

/** The records among what was written, as the operator reads them back. */
export const recordsIn = ({ written }: Recorded): RevisionRecord[] =>
  written.flatMap((object) => (object.kind === 'ConfigMap' ? (readRecord(object) ?? []) : []));
