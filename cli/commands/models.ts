import type { FleetClient } from '../client.ts';
import type { Exit } from '../failure.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { modelListSchema, type ModelRows } from '../wire.ts';

/** What the endpoint serves, pools at zero included. */
export async function modelsList(client: FleetClient, terminal: Terminal): Promise<Exit> {
  const { data } = await client.get('/v1/models', modelListSchema);
  if (terminal.json) terminal.printJson(data);
  else terminal.print(renderModels(data, terminal.width));
  return 'ok';
}

export function renderModels(models: ModelRows, width: number): string {
  const rows = models.map((model) => [
    model.id,
    model.pool ?? '-',
    model.tier ?? '-',
    model.status ?? '-',
    model.context_length === undefined ? '-' : String(model.context_length),
  ]);
  const columns = [
    { title: 'MODEL', flexible: true },
    { title: 'POOL' },
    { title: 'TIER' },
    { title: 'STATUS' },
    { title: 'CONTEXT', align: 'right' as const },
  ];
  return renderTable(columns, rows, width);
}
