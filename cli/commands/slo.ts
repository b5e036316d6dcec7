import type { FleetClient } from '../client.ts';
import type { Exit } from '../failure.ts';
import { recordedObjectives } from '../prometheus.ts';
import { renderSlo, sloRows } from '../slo.ts';
import type { Terminal } from '../terminal.ts';
import { poolsSchema } from '../wire.ts';

export type SloOptions = {
  client: FleetClient;
  terminal: Terminal;
  /** Where the rules of objectives are computed. */
  prometheus?: string | undefined;
  namespace?: string | undefined;
};

/** Objectives and what is left of their budgets: as one router has counted since it started, or as Prometheus recorded. */
export async function slo({ client, terminal, prometheus, namespace }: SloOptions): Promise<Exit> {
  const { pools } = await client.get('/v1/pools', poolsSchema);
  const recorded = prometheus === undefined ? undefined : await recordedObjectives(prometheus, namespace);
  const rows = sloRows(pools, recorded);
  const source =
    prometheus === undefined
      ? 'As this router has counted since it started; --prometheus has whole windows.'
      : `As ${prometheus} has recorded.`;
  if (terminal.json) terminal.printJson({ url: client.url, objectives: rows });
  else terminal.print(renderSlo(rows, terminal.width, source));
  return 'ok';
}
