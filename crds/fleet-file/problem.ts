import { FleetError } from '@qwenfleet/core/errors';
import { issuePath } from '@qwenfleet/core/config';
import type { FleetDocument, Position } from './documents.ts';

/** One thing that is wrong with a fleet file: where, which field, and what to write instead. */
export type Problem = Position & { path: string; message: string };

/** A file may be wrong in every line; nobody reads more than this. */
export const problemsShownMax = 50;

/** A problem at a path of a document. */
export function problemAt(
  document: FleetDocument,
  path: readonly PropertyKey[],
  message: string,
  key?: 'key',
): Problem {
  return { ...document.locate(path, key), path: issuePath(path), message };
}

/** `fleet.yaml:4:9: spec.tier: "huge" is not one of small, medium, large` */
export const problemLine = ({ file, line, column, path, message }: Problem): string =>
  `${file}:${line}:${column}: ${path}: ${message}`;

/** All problems at once, in the order of the file. */
export function problemsError(problems: readonly Problem[]): FleetError {
  const sorted = problems.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column);
  const shown = sorted.slice(0, problemsShownMax).map(problemLine);
  const more = sorted.length > shown.length ? [`and ${sorted.length - shown.length} more`] : [];
  return new FleetError('invalid_config', [...shown, ...more].join('\n'), { param: sorted[0]?.path });
}
