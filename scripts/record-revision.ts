// node scripts/record-revision.ts FILE...: adds to examples what this build makes of them. Never to one that has it.
import { appendFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { madeOf, readRecorded } from '@qwenfleet/operator/specs/harness/recorded';
import { stringify } from 'yaml';

for (const name of process.argv.slice(2)) {
  const file = pathToFileURL(name);
  const recorded = readRecorded(file);
  if (recorded.written.length > 0) throw new Error(`${name} is recorded already, and what was written once stays`);
  for (const object of madeOf(recorded)) appendFileSync(file, `---\n${stringify(object, { lineWidth: 0 })}`);
}
