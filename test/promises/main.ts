// npm run promises [-- --area AREA] [--json]: measures every line of docs/promises.md and says whether it holds.
import { parseArgs } from 'node:util';
import { describeError } from '@qwenfleet/core/errors';
import { promiseLines } from './document.ts';
import { measures } from './measures.ts';
import { areas, holds, showTarget, type PromiseLine } from './promise.ts';
import { ageOf, recorded } from './record.ts';

type Row = {
  id: string;
  area: string;
  value: number | null;
  target: string;
  holds: boolean;
  details: string;
  measured: string;
};

const { values } = parseArgs({ options: { area: { type: 'string' }, json: { type: 'boolean', default: false } } });
if (values.area !== undefined && !areas.some((area) => area === values.area)) {
  process.stderr.write(`--area ${values.area} is unknown; one of: ${areas.join(', ')}\n`);
  process.exit(2);
}

const rows: Row[] = [];
for (const line of promiseLines()) {
  if (values.area !== undefined && line.area !== values.area) continue;
  const row = await measure(line);
  rows.push(row);
  if (!values.json) print(row, line);
}
if (values.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
const broken = rows.filter((row) => !row.holds).length;
if (!values.json) process.stdout.write(`\n${rows.length - broken} hold, ${broken} do not\n`);
process.exit(broken === 0 ? 0 : 1);

async function measure(line: PromiseLine): Promise<Row> {
  const target = showTarget(line.target);
  const row = { id: line.id, area: line.area, target };
  try {
    const live = measures[line.id];
    if (live) {
      const { value, details = '' } = await live();
      return { ...row, value, holds: holds(line.target, value), details, measured: 'now' };
    }
    const kept = recorded(line.id);
    if (!kept)
      return { ...row, value: null, holds: false, details: `never measured: ${line.command}`, measured: 'never' };
    const measured = `${ageOf(kept, Date.now())} ago at ${kept.commit}`;
    return { ...row, value: kept.value, holds: holds(line.target, kept.value), details: kept.details ?? '', measured };
  } catch (error) {
    return { ...row, value: null, holds: false, details: describeError(error), measured: 'failed' };
  }
}

function print(row: Row, line: PromiseLine): void {
  const value = row.value === null ? '–' : String(Number(row.value.toPrecision(4)));
  process.stdout.write(
    `${row.holds ? '✓' : '✗'} ${row.id.padEnd(30)} ${value.padStart(10)}  ${row.target.padEnd(14)} ${row.measured}\n` +
      `    ${line.text}${row.details && `\n    ${row.details}`}\n`,
  );
}
