import { renderTable, type Column } from '@qwenfleet/cli/table';
import { holds, showTarget, type PromiseLine } from '../../promises/promise.ts';
import type { ManyReport, Stretch } from './measure.ts';
import { conditionsOf, valuesOf } from './verdicts.ts';

const widthMax = 100;
/** Writes at rest that are shown; there should be none. */
const shownMax = 10;

const text = (title: string): Column => ({ title });
const number = (title: string): Column => ({ title, align: 'right' });

/** Writes by kind, the two stretches, then each promise with its verdict. */
export function renderMany(report: ManyReport, promises: readonly PromiseLine[]): string {
  const { writes, rising, rest, restart, memory } = report;
  const kinds = writes.map(({ kind, objects, writes: total, refused, max, mean }) => [
    kind,
    String(objects),
    String(total),
    String(refused),
    String(max),
    mean.toFixed(2),
  ]);
  const stretches = [
    ['coming up', ...cells(rising)],
    ['at rest', ...cells(rest)],
  ];
  const values = valuesOf(report);
  const verdicts = promises.flatMap(({ id, target }) => {
    const value = values[id];
    return value === undefined
      ? []
      : [[id, show(value), showTarget(target), holds(target, value) ? 'holds' : 'BROKEN']];
  });
  const columns = {
    kinds: [text('WRITES TO'), number('OBJECTS'), number('WRITES'), number('REFUSED'), number('MOST'), number('MEAN')],
    stretches: [
      text('TIME'),
      number('SECONDS'),
      number('QUEUE WAIT P95, S'),
      number('LOOP LAG P99, MS'),
      number('CPU, %'),
    ],
    verdicts: [text('PROMISE'), number('FOUND'), number('TARGET'), text('')],
  };
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const restarted = [...new Set([...rest.writes, ...restart.writes])];
  return [
    conditionsOf(report),
    '',
    renderTable(columns.kinds, kinds, widthMax),
    '',
    renderTable(columns.stretches, stretches, widthMax),
    '',
    `Memory: ${megabytes(memory.maxBytes)} at most, ${megabytes(memory.restBytes)} at rest.`,
    `Another operator took ${restart.readySeconds.toFixed(1)} s to start, with ${restart.writes.length} writes.`,
    ...restarted.slice(0, shownMax).map((line) => `  ${line}`),
    '',
    renderTable(columns.verdicts, verdicts, widthMax),
  ].join('\n');
}

const cells = ({ seconds, queueWaitSeconds, loopLagMs, cpuShare }: Stretch): string[] => [
  String(Math.round(seconds)),
  show(queueWaitSeconds),
  loopLagMs.toFixed(0),
  (cpuShare * 100).toFixed(0),
];

const show = (value: number): string => (Number.isInteger(value) ? String(value) : value.toPrecision(2));
