// npm run train [-- --out FILE] [--data FOLDER] [--json]: trains the model that is shipped. What it is worth: npm run eval:routing.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadWeights } from '../model.ts';
import { train } from './train.ts';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    data: { type: 'string', default: path.join(here, '../../../data/routing') },
    out: { type: 'string', default: path.join(here, '../weights.json') },
    json: { type: 'boolean', default: false },
  },
});

const startedMs = performance.now();
const weights = train(values.data);
loadWeights(weights);
const text = `${JSON.stringify(weights, null, 1)}\n`;
writeFileSync(values.out, text);
if (values.json) process.stdout.write(`${JSON.stringify(weights.card, null, 2)}\n`);
else {
  const took = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(
    `${JSON.stringify(weights.card.metrics, null, 2)}\nTook ${took} s; wrote ${path.basename(values.out)}, ${Math.round(text.length / 1024)} KB.\n`,
  );
}
