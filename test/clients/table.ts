import { renderTable, type Column } from '@qwenfleet/cli/table';
import type { Outcome } from './run.ts';

/** One behaviour of one client, and how it is at each endpoint, in their order. */
export type Row = { client: string; name: string; outcomes: readonly Outcome[] };

const words = { 'is so': 'yes', 'is not so': 'NO', 'not asked': '-' } as const;
/** No name is cut. */
const widthMax = 160;

/** Every behaviour with a column for each endpoint, then how many of how many, then why not. */
export function renderRows(endpoints: readonly string[], rows: readonly Row[]): string {
  const columns: Column[] = [{ title: 'BEHAVIOUR' }, ...endpoints.map((name) => ({ title: name.toUpperCase() }))];
  const clients = [...new Set(rows.map(({ client }) => client))];
  const tables = clients.map((client) => {
    const own = rows.filter((row) => row.client === client);
    const cells = own.map(({ name, outcomes }) => [name, ...outcomes.map(({ kind }) => words[kind])]);
    return `${client}\n\n${renderTable(columns, cells, widthMax)}`;
  });
  return [...tables, renderCounts(endpoints, rows), ...reasons(endpoints, rows)].join('\n\n');
}

/** A row for each client: behaviours that are so, of those that were asked for. */
export function renderCounts(endpoints: readonly string[], rows: readonly Row[]): string {
  const columns: Column[] = [{ title: 'CLIENT' }, ...endpoints.map((name) => ({ title: name.toUpperCase() }))];
  const clients = [...new Set(rows.map(({ client }) => client))];
  const lines = [...clients, 'all'].map((client) => {
    const own = rows.filter((row) => client === 'all' || row.client === client);
    return [client, ...endpoints.map((_, at) => shareOf(own.map(({ outcomes }) => outcomes[at]?.kind)))];
  });
  return renderTable(columns, lines, widthMax);
}

function shareOf(kinds: readonly (Outcome['kind'] | undefined)[]): string {
  const count = (kind: Outcome['kind']): number => kinds.filter((each) => each === kind).length;
  const [good, bad, left] = [count('is so'), count('is not so'), count('not asked')];
  return `${good} of ${good + bad}${left > 0 ? ` (${left} not asked)` : ''}`;
}

function reasons(endpoints: readonly string[], rows: readonly Row[]): string[] {
  return endpoints.flatMap((endpoint, at) => {
    const lines = rows.flatMap(({ client, name, outcomes }) => {
      const outcome = outcomes[at];
      return outcome?.kind === 'is not so' ? [`  ${client}: ${name}\n    ${outcome.why}`] : [];
    });
    return lines.length === 0 ? [] : [`Not so at ${endpoint}:\n${lines.join('\n')}`];
  });
}
