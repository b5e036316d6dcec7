import { execFileSync } from 'node:child_process';

/** Shared libraries that a program or library loads, the loader included: absolute paths on this machine. */
export function librariesOf(file: string): string[] {
  const said = execFileSync('ldd', [file], { encoding: 'utf8' });
  const missing = /^\s*(\S+) => not found/m.exec(said);
  if (missing) throw new Error(`${file} needs ${missing[1]}, which is not on this machine`);
  return [...said.matchAll(/(?:=> |^\s+)(\/\S+) \(/gm)].map(([, library = '']) => library);
}
