import type { AuditLine } from '../../harness/cluster/audit.ts';

/** How often the objects of one kind were written. */
export type KindWrites = { kind: string; objects: number; writes: number; refused: number; max: number; mean: number };

/** Writes of one user. Renewing its lease is how a leader breathes, and is left out. */
export const writesOf = (lines: readonly AuditLine[], user: string): AuditLine[] =>
  lines.filter((line) => line.user === user && line.objectRef?.resource !== 'leases');

/** By kind, those with the most writes to one object first. A refused write counts: it was sent. */
export function writesByKind(lines: readonly AuditLine[]): KindWrites[] {
  const kinds = Map.groupBy(lines, ({ objectRef, uri }) => objectRef?.resource ?? uri);
  return [...kinds].map(([kind, own]) => summary(kind, own)).toSorted((a, b) => b.max - a.max);
}

function summary(kind: string, lines: readonly AuditLine[]): KindWrites {
  // A POST names no object: each makes one of its own.
  const objects = Map.groupBy(lines, ({ objectRef }, index) =>
    objectRef?.name === undefined ? index : `${objectRef.namespace}/${objectRef.name}`,
  );
  return {
    kind,
    objects: objects.size,
    writes: lines.length,
    refused: lines.filter(({ code }) => code >= 400).length,
    max: Math.max(...[...objects.values()].map((own) => own.length)),
    mean: lines.length / objects.size,
  };
}
