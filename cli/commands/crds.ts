import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateCrds, generateFiles } from '@qwenfleet/crds/generate';
import type { Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';

export type CrdsOptions = {
  /** True writes everything generated into the repository, a folder gets the YAML files only. */
  write?: string | true | undefined;
  terminal: Terminal;
};

const repositoryRoot = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Prints the definitions, or writes them; a file that already says so is not touched. */
export async function crds({ write, terminal }: CrdsOptions): Promise<Exit> {
  if (write === undefined) {
    const files = generateCrds();
    if (terminal.json) for (const [file, yaml] of files) terminal.printJson({ file, yaml });
    else terminal.print([...files.values()].map((yaml) => yaml.trimEnd()).join('\n---\n'));
    return 'ok';
  }
  const [folder, files] = write === true ? [repositoryRoot, generateFiles()] : [path.resolve(write), generateCrds()];
  for (const [name, text] of files) {
    const file = path.join(folder, name);
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
