import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** A change of one source file, as a later version of it might have it. */
export type Edit = { file: string; from: string; to: string };

export type OtherBuild = { env: Record<string, string>; remove: () => void };

/**
 * Environment with which Node runs this checkout as another build of it: sources are edited while they are loaded, and
 * no file is touched. The process fails to start when an edit finds nothing to change.
 */
export function otherBuild(edits: readonly Edit[]): OtherBuild {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-build-'));
  const file = path.join(folder, 'edits.mjs');
  writeFileSync(file, `${hooks}\nedit(${JSON.stringify(edits)});\n`);
  return {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(file).href}` },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const hooks = `
import { registerHooks } from 'node:module';
function edit(edits) {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = edits.filter(({ file }) => url.endsWith('/' + file));
      if (own.length === 0) return loaded;
      let source = String(loaded.source);
      for (const { file, from, to } of own) {
        if (!source.includes(from)) throw new Error('another build: there is no ' + from + ' in ' + file);
        source = source.replaceAll(from, to);
      }
      return { ...loaded, source };
    },
  });
}`;
