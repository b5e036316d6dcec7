import { escape } from './plot.ts';
import type { Table } from './tables.ts';

/** The plots and every table as one file that needs nothing else. */
export function pageOf(tables: readonly Table[], svg: string, notes: readonly string[]): string {
  const table = ({ title, note, columns, rows }: Table): string =>
    [
      `<h2>${escape(title)}</h2>`,
      note === undefined ? '' : `<p>${escape(note)}</p>`,
      '<table>',
      `<tr>${columns.map((name) => `<th>${escape(name)}</th>`).join('')}</tr>`,
      ...rows.map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`),
      '</table>',
    ].join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>What routing is worth</title>
<style>
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 1080px; padding: 0 1em }
table { border-collapse: collapse; font-size: 13px }
td, th { border-bottom: 1px solid #ddd; padding: 3px 10px 3px 0; text-align: left }
svg { max-width: 100%; height: auto }
</style>
<h1>What routing is worth</h1>
${notes.map((note) => `<p>${escape(note)}</p>`).join('\n')}
${svg}
${tables.map(table).join('\n')}
</html>
`;
}
