import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../house/imports.ts';
import { areas, parseTarget, type PromiseLine } from './promise.ts';

/** The lines of docs/promises.md: rows of its tables whose first cell is an id in backticks. */
export function promiseLines(text = readFileSync(path.join(root, 'docs/promises.md'), 'utf8')): PromiseLine[] {
  return text.split('\n').flatMap((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    const [, id] = /^`([a-z]+\.[a-z0-9-]+)`$/.exec(cells[1] ?? '') ?? [];
    if (!id) return [];
    const area = areas.find((name) => id.startsWith(`${name}.`));
    if (!area) throw new Error(`docs/promises.md: ${id} begins with no area of ${areas.join(', ')}`);
    const [, , promise = '', target = '', command = ''] = cells;
    return [
      {
        id,
        area,
        text: promise,
        target: parseTarget(target.replaceAll('`', '')),
        command: command.replaceAll('`', ''),
      },
    ];
  });
}
