import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generateCrds } from '@qwenfleet/crds/generate';
import type { Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';

export type CrdsOptions = {
  /** A folder for the YAML files; without one they are printed. */
  write?: string | undefined;
  terminal: Terminal;
};

/** Prints the definitions, or writes them; a file that already says so is not touched. */
export async function crds({ write, terminal }: CrdsOptions): Promise<Exit> {
  const files = generateCrds();
  if (write === undefined) {
    if (terminal.json) for (const [file, yaml] of files) terminal.printJson({ file, yaml });
    else terminal.print([...files.values()].map((yaml) => yaml.trimEnd()).join('\n---\n'));
    return 'ok';
  }
  for (const [name, text] of files) {
    const file = path.resolve(write, name);
    const changed = (await readFile(file, 'utf8').catch(() => undefined)) !== text;
    if (changed) {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    if (terminal.json) terminal.printJson({ file: name, changed });
    else terminal.print(`${changed ? 'wrote    ' : 'unchanged'}  ${name}`);
  }
  return 'ok';
}
