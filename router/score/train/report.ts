import type { FamilyRow, SetRow } from './evaluate.ts';
import type { Results } from './train.ts';

/** The table that people read. */
export function report(results: Results): string {
  return [
    'APGR, 95 % interval (random mix 0.5). Tasks held out in families: never trained on.',
    ...setTable(results.heldOut),
    summaryLine(results.summary),
    '',
    'APGR with the whole file held out (zero-shot).',
    ...setTable(results.zeroShot),
    '',
    'APGR inside each held-out family (random mix 0.5).',
    ...familyTable(results.families),
    '',
    'Expected calibration error per tier (sets weigh alike).',
    row('', ['small', 'medium', 'large']),
    ...Object.entries(results.calibration).map(([name, of]) =>
      row(name, [figure(of.small), figure(of.medium), figure(of.large)]),
    ),
    '',
    'Where prompts go at the default objective: shares of small, medium, large.',
    ...Object.entries(results.shares).flatMap(([group, of]) =>
      Object.entries(of).map(([name, at]) =>
        row(`${group} ${name}`, [figure(at.small), figure(at.medium), figure(at.large)]),
      ),
    ),
  ].join('\n');
}

function summaryLine({ apgr, sets, aboveRandom, aboveLength }: Results['summary']): string {
  return `mean of the ${sets} larger sets ${figure(apgr)}; interval above random on ${aboveRandom}, above length on ${aboveLength}`;
}

function setTable(rows: readonly SetRow[]): string[] {
  const lines = rows.map(({ id, prompts, own, length, difference }) =>
    row(id, [
      String(prompts),
      `${figure(own.value)} (${figure(own.low)} to ${figure(own.high)})`,
      figure(length),
      `${figure(difference.low)} to ${figure(difference.high)}`,
    ]),
  );
  return [row('', ['prompts', 'this scorer', 'length', 'ahead of length by']), ...lines];
}

function familyTable(rows: readonly FamilyRow[]): string[] {
  const ahead = rows.filter((of) => of.own > of.length).length;
  const aboveRandom = rows.filter((of) => of.own > 0.5).length;
  return [
    row('', ['prompts', 'this scorer', 'length']),
    ...rows.map((of) => row(of.family, [String(of.prompts), figure(of.own), figure(of.length)])),
    `above random in ${aboveRandom} of ${rows.length}, above length in ${ahead} of ${rows.length}`,
  ];
}

const row = (name: string, cells: readonly string[]): string =>
  `  ${name.padEnd(34)}${cells.map((cell) => cell.padStart(cell.length > 12 ? 24 : 12)).join('')}`.trimEnd();
const figure = (value: number): string => value.toFixed(3);
