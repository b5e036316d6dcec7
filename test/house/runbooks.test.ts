import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { alertNames, runbookOf } from '@qwenfleet/core/slo/rule';
import { metrics } from '@qwenfleet/core/telemetry/names';
import { describe, expect, it } from 'vitest';
import { root } from './imports.ts';

describe('the runbooks', () => {
  it('are a page for each alert, and no page more', () => {
    const pages = readdirSync(path.join(root, 'docs/runbooks')).filter((file) => file !== 'README.md');
    expect(pages.toSorted()).toEqual(alertNames.map((alert) => path.posix.basename(runbookOf(alert))).toSorted());
  });

  it.each(alertNames)('%s says what it means, what to look at, and what to do', (alert) => {
    const page = readFileSync(path.join(root, runbookOf(alert)), 'utf8');
    const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([alert, 'What it means', 'Look', 'Do']);
    expect(readFileSync(path.join(root, 'docs/runbooks/README.md'), 'utf8')).toContain(`(${alert}.md)`);
  });

  it('name metrics that somebody exports', () => {
    const known = Object.values(metrics).map(({ name }): string => name);
    for (const alert of alertNames) {
      const page = readFileSync(path.join(root, runbookOf(alert)), 'utf8');
      for (const [name] of page.matchAll(/qwenfleet_(router|runtime|operator)_\w+/g))
        expect(known, `${alert}: ${name}`).toContain(name.replace(/_(bucket|count|sum)$/, ''));
    }
  });
});
