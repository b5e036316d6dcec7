// npm run train [-- --json] [--own FILE] [--out FILE] [--dry-run]: trains the scorer and prints what it is worth.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadWeights } from '../model.ts';
import { report } from './report.ts';
import { train } from './train.ts';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: path.join(here, '../../../data/routing') },
    out: { type: 'string', default: path.join(here, '../weights.json') },
    own: { type: 'string' },
    json: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
  },
});

const startedMs = performance.now();
const { weights, results } = train(values.data, values.own);
loadWeights(weights);
if (!values['dry-run']) writeFileSync(values.out, `${JSON.stringify(weights, null, 1)}\n`);
if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
else process.stdout.write(`${report(results)}\n\n${closing()}\n`);

function closing(): string {
  const took = ((performance.now() - startedMs) / 1000).toFixed(0);
  return values['dry-run']
    ? `Took ${took} s; nothing was written.`
    : `Took ${took} s; wrote ${path.basename(values.out)}.`;
}
