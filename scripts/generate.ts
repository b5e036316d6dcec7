// npm run generate: writes every file that is made from schemas and data. A file that already says so is not touched.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { generateChartFiles } from '@qwenfleet/charts/generate';
import { generateDashboardFiles } from '@qwenfleet/core/dashboards/registry';
import { generateFiles } from '@qwenfleet/crds/generate';

const root = path.join(import.meta.dirname, '..');

for (const [name, text] of [...generateFiles(), ...generateChartFiles(), ...generateDashboardFiles()]) {
  const file = path.join(root, name);
  const changed = (await readFile(file, 'utf8').catch(() => undefined)) !== text;
  if (changed) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  process.stdout.write(`${changed ? 'wrote    ' : 'unchanged'}  ${name}\n`);
}
