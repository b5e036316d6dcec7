import Table from 'cli-table3';

export type Column = {
  title: string;
  align?: 'left' | 'right';
  /** The column that gives way, with an ellipsis, when the table is too wide. One per table. */
  flexible?: boolean;
};

const gapWidth = 2;
const flexibleWidthMin = 8;
const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

/** Rows under titles, without borders and no wider than asked: what `kubectl get` prints. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): string {
  const natural = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => cellWidth(row[index] ?? ''))),
  );
  const excess = natural.reduce((sum, own) => sum + own + gapWidth, -gapWidth) - width;
  const widths = natural.map((own, index) =>
    columns[index]?.flexible === true && excess > 0 ? Math.max(flexibleWidthMin, own - excess) : own,
  );
  const table = new Table({
    head: columns.map((column) => column.title),
    colWidths: widths.map((own) => own + gapWidth),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: noBorders,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': gapWidth },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Columns that a text takes in a terminal: East Asian wide characters take two. */
function cellWidth(text: string): number {
  let width = 0;
  for (const character of text) width += wide.test(character) ? 2 : 1;
  return width;
}

const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;
