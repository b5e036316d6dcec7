// npm run eval:routing [-- --json] [--out FOLDER] [--split NAME] [--python PYTHON]: what the scorer is worth on what it never saw.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readAuthored, readMeasured, scaled } from '../data.ts';
import { splitNames } from '../splits.ts';
import { objective, settings } from '../train.ts';
import { evaluateSplit, type Evaluation } from './evaluation.ts';
import { liteLlmScores } from './litellm.ts';
import { pageOf } from './page.ts';
import { plotOf } from './plot.ts';
import { asMarkdown, asText, tablesOf } from './tables.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: path.join(import.meta.dirname, '../../../../data/routing') },
    out: { type: 'string' },
    split: { type: 'string', multiple: true },
    python: { type: 'string', default: 'python3' },
    json: { type: 'boolean', default: false },
  },
});
const unknown = (values.split ?? []).find((name) => !splitNames.some((split) => split === name));
if (unknown !== undefined) {
  process.stderr.write(`--split ${unknown} is unknown; one of: ${splitNames.join(', ')}\n`);
  process.exit(2);
}
const splits = splitNames.filter((name) => values.split === undefined || values.split.includes(name));

const startedMs = performance.now();
const say = (text: string): void =>
  void process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
const { examples } = scaled([...readMeasured(values.data).examples, ...readAuthored(values.data).train]);
say(`${examples.length} prompts`);
const { note, scores } = liteLlmScores(
  values.python,
  examples.map(({ prompt }) => prompt),
);
say(note);

const evaluation: Evaluation = {
  prompts: examples.length,
  seed: settings.seed,
  litellm: note,
  splits: splits.map((split) =>
    evaluateSplit(examples, split, {
      settings,
      costs: objective.costs,
      liteLlm: scores && (({ prompt }) => scores.get(prompt) ?? 0),
      onFold: (done, total) => say(`${split}: fold ${done} of ${total}`),
    }),
  ),
};
const tables = tablesOf(evaluation);
if (values.out !== undefined) write(values.out);
process.stdout.write(values.json ? `${JSON.stringify(evaluation, null, 1)}\n` : `${asText(tables)}\n\n${note}\n`);

function write(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const shown = evaluation.splits.find(({ split }) => split === 'tasks') ?? evaluation.splits[0];
  if (!shown) return;
  const svg = plotOf(shown.rows, shown.hull);
  writeFileSync(path.join(folder, 'routing.svg'), svg);
  writeFileSync(path.join(folder, 'routing.html'), pageOf(tables, svg, [note]));
  writeFileSync(path.join(folder, 'routing-tables.md'), `${asMarkdown(tables)}\n\n${note}\n`);
  say(`wrote routing.svg, routing.html and routing-tables.md into ${folder}`);
}
