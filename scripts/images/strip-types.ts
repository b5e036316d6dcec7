// node scripts/images/strip-types.ts FOLDER ...: takes the types out of every .ts file below, in place, and keeps lines
// and columns. The files keep their names, by which they import each other; stripped.mjs has Node load them as they are.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

for (const folder of process.argv.slice(2)) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const file = path.join(entry.parentPath, entry.name);
    writeFileSync(file, stripTypeScriptTypes(readFileSync(file, 'utf8')));
  }
}
