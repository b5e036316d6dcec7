import { FleetError } from '@qwenfleet/core/errors';
import { isObject } from '@qwenfleet/core/json';
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';

/** Larger files are no fleets; parsing stops before it costs memory. */
export const fileBytesMax = 1024 * 1024;
export const documentsMax = 256;

export type Position = { file: string; line: number; column: number };
type Path = readonly PropertyKey[];

/** One YAML document: its value, and where in which file each part of it was written. */
export type FleetDocument = {
  value: unknown;
  /** Where the deepest part of the path is that was written; of the key itself when `key` is set. */
  locate(path: Path, key?: 'key'): Position;
  /** How many steps of the path were written. */
  depthOf(path: Path): number;
};

/** Throws `invalid_config` with file, line and column when the text is not YAML, or more of it than a fleet can be. */
export function readDocuments(text: string, file: string): FleetDocument[] {
  if (text.length > fileBytesMax) {
    throw new FleetError(
      'invalid_config',
      `${file}: ${text.length} bytes are more than the ${fileBytesMax} of a fleet file`,
    );
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true });
  if (documents.length > documentsMax) {
    throw new FleetError('invalid_config', `${file}: ${documents.length} documents are more than ${documentsMax}`);
  }
  const broken = documents.flatMap((document: Document) => document.errors);
  if (broken.length > 0) {
    const say = broken.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return `${file}:${line}:${col}: this is not YAML: ${error.message}`;
    });
    throw new FleetError('invalid_config', say.join('\n'));
  }
  return documents.flatMap((document) => documentOf(document as Document, file, lines)).flatMap(itemsOf);
}

function documentOf(document: Document, file: string, lines: LineCounter): FleetDocument[] {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
    // An alias inside its own anchor makes a value that contains itself: this refuses it as nothing after it could.
    JSON.stringify(value);
  } catch (cause) {
    throw new FleetError('invalid_config', `${file}: an alias of this file cannot be resolved`, { cause });
  }
  if (value === null || value === undefined) return [];
  const walk = (path: Path, key?: 'key'): { node: Node | null; depth: number } => {
    let node: Node | null = document.contents;
    for (const [depth, part] of path.entries()) {
      const found = childOf(node, part, key && depth === path.length - 1);
      if (!found) return { node, depth };
      node = found;
    }
    return { node, depth: path.length };
  };
  return [
    {
      value,
      depthOf: (path) => walk(path).depth,
      locate: (path, key) => {
        const { line, col } = lines.linePos(walk(path, key).node?.range?.[0] ?? 0);
        return { file, line, column: col };
      },
    },
  ];
}

function childOf(node: Node | null, part: PropertyKey, wantKey: boolean | undefined): Node | undefined {
  if (isSeq(node)) return node.items[Number(part)] as Node | undefined;
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => (isScalar(key) ? key.value : key) === part);
  return ((wantKey || !pair?.value ? pair?.key : pair.value) ?? undefined) as Node | undefined;
}

/** What `kubectl get -o yaml` prints for several objects is a List; its items are documents of their own. */
function itemsOf(document: FleetDocument): FleetDocument[] {
  const { value } = document;
  if (!isObject(value) || value['kind'] !== 'List' || !Array.isArray(value['items'])) return [document];
  return value['items'].map((item: unknown, at) => ({
    value: item,
    depthOf: (path) => Math.max(0, document.depthOf(['items', at, ...path]) - 2),
    locate: (path, key) => document.locate(['items', at, ...path], key),
  }));
}
