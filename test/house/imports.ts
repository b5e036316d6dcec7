import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');

export const rooms = ['core', 'crds', 'kube', 'operator', 'router', 'runtime', 'sdk', 'cli', 'charts', 'test'] as const;
export type Room = (typeof rooms)[number];

export type SourceFile = {
  /** From the root, with forward slashes: `router/http/chat.ts`. */
  path: string;
  room: Room;
  text: string;
  isTest: boolean;
  /** Resolved: a path from the root for our own files, the bare name for packages and node: built-ins. */
  imports: string[];
};

/** Static imports and re-exports, on one line or ending in a brace and its source, and dynamic ones. */
const importPattern =
  /(?:^(?:import|export)\s[^'"\n]*\bfrom\s+|^\}\s+from\s+|^import\s+|\bimport\(\s*)(['"])([^'"\n]+)\1/gm;

/** Every TypeScript file of the house. */
export function sourceFiles(): SourceFile[] {
  return rooms.flatMap((room) => walk(room).map((file) => readSource(room, file)));
}

function walk(folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(path.join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const inside = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'fixtures' ? [] : walk(inside);
    return entry.name.endsWith('.ts') ? [inside] : [];
  });
}

function readSource(room: Room, file: string): SourceFile {
  const text = readFileSync(path.join(root, file), 'utf8');
  const imports = [...text.matchAll(importPattern)].map(([, , specifier = '']) => resolve(file, specifier));
  return { path: file, room, text, isTest: /\.test\.ts$|\/fixtures\/|\/harness\//.test(file), imports };
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return path.posix.join(path.posix.dirname(from), specifier);
  if (specifier.startsWith('@qwenfleet/')) return `${specifier.slice('@qwenfleet/'.length)}.ts`;
  return specifier;
}

/** The code without comments, strings and template text, for rules about what code does. */
export function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|[^:])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");
}
