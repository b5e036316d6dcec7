import { renderTable } from '@qwenfleet/cli/table';
import { widthMax } from '../table.ts';
import type { MixedReport } from './measure.ts';

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Requests that were lost, and all that is held at rest and should not be. */
export const leftBehind = ({ lost, atRest }: MixedReport): number =>
  lost.length + atRest.running + atRest.queued + atRest.files + atRest.tokens;

export function renderMixed(report: MixedReport): string {
  const { held, atRest, lost, minutes, requests, left, seed } = report;
  const row = (
    name: string,
    { first, last }: { first: number; last: number },
    show: (value: number) => string = String,
  ): string[] => [name, show(first), show(last)];
  const table = renderTable(
    [{ title: 'HELD' }, { title: 'FIRST THIRD', align: 'right' }, { title: 'LAST THIRD', align: 'right' }],
    [
      row('heap after collections', held.heapBytes, mebibytes),
      row('resident memory', held.residentBytes, mebibytes),
      row('file handles', held.files),
      row('slots in use', held.running),
    ],
    widthMax,
  );
  const rest = `At rest: ${atRest.running} running, ${atRest.queued} waiting, ${atRest.files} handles too many, ${atRest.tokens} tokens for nobody.`;
  const losses = [...new Set(lost)].slice(0, 10).map((why) => `lost: ${why}`);
  const what = `${minutes} minutes, ${requests} requests of which ${left} were given up, seed ${seed}`;
  return [what, '', table, '', rest, `${lost.length} requests lost.`, ...losses].join('\n');
}
