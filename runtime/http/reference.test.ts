import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadReportSchema } from '@qwenfleet/core/load/report';
import { loadedModelSchema, runtimeStatusSchema } from '@qwenfleet/core/load/status';
import { serve } from '../fixtures/served.ts';

const page = readFileSync(new URL('../../docs/reference/runtime.md', import.meta.url), 'utf8');

/** The part of the page under a heading. */
function section(heading: string): string {
  const start = page.indexOf(`# ${heading}\n`);
  if (start === -1) throw new Error(`there is no heading ${heading}`);
  const end = page.indexOf('\n#', start);
  return page.slice(start, end === -1 ? undefined : end);
}

/** The first column of a table. */
const rowsOf = (text: string): string[] => [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name ?? '');

describe('the reference page of the runtime', () => {
  it('has every route, and no other', async () => {
    const { app } = await serve();
    const routes = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`);
    expect(rowsOf(section('The runtime over HTTP')).toSorted()).toEqual(routes.toSorted());
  });

  it('has every field of the load report, and no other', () => {
    expect(rowsOf(section('The load report')).toSorted()).toEqual(Object.keys(loadReportSchema.shape).toSorted());
  });

  it('has every field of the status, and no other', () => {
    const own = section('`GET /admin/status`');
    expect(rowsOf(own).toSorted()).toEqual(Object.keys(runtimeStatusSchema.shape).toSorted());
    for (const field of Object.keys(loadedModelSchema.shape)) expect(own, field).toContain(`\`${field}\``);
  });
});
