// npm run eval:steadiness [-- --flips] [--json]: what of a prompt's wording moves it to another pool, and which prompts.
import { parseArgs } from 'node:util';
import { renderTable } from '@qwenfleet/cli/table';
import { Terminal } from '@qwenfleet/cli/terminal';
import { flipsPer100, steadiness, type ChangeRow } from './measure.ts';

const { values } = parseArgs({
  options: { flips: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const { stdin, stdout, stderr } = process;
const terminal = new Terminal({ stdin, stdout, stderr }, values.json);
const rows = steadiness();
const fails = (row: ChangeRow): boolean => flipsPer100(row) > row.flipsMax;

const flipLines = ({ name, flips }: ChangeRow): string[] =>
  flips.length === 0 ? [] : ['', name, ...flips.map((of) => `  ${of.from} -> ${of.to}  ${of.kind}: ${of.before}`)];

if (values.json) terminal.printJson(rows);
else {
  const columns = [
    { title: 'change' },
    { title: 'prompts', align: 'right' as const },
    { title: 'moved of 100', align: 'right' as const },
    { title: 'at most', align: 'right' as const },
    { title: '' },
  ];
  const cells = rows.map((row) => [
    row.name,
    String(row.prompts),
    flipsPer100(row).toFixed(1),
    String(row.flipsMax),
    fails(row) ? '✗' : '✓',
  ]);
  terminal.print(renderTable(columns, cells, stdout.columns ?? 100));
  if (values.flips) for (const row of rows) for (const line of flipLines(row)) terminal.print(line);
}
if (rows.some(fails)) process.exitCode = 1;
