import { beforeAll, describe, expect, it } from 'vitest';
import { clusterMissing } from '../harness/cluster/cluster.ts';
import { measureMany, type ManyReport } from '../perf/many/measure.ts';

const size = { pools: 40, replicas: 5, namespaces: 2 };

/** The small form of `npm run bench:operator`: counts only, since times are the machine's. */
describe.skipIf(await clusterMissing)('forty pools of five replicas', () => {
  let report: ManyReport;
  beforeAll(async () => {
    report = await measureMany({ size, restSeconds: 20 });
  });

  it('take at most five writes to any of their objects, from create to Ready', () => {
    const kinds = new Map(report.writes.map((each) => [each.kind, each]));
    expect(kinds.get('deployments')?.objects).toBe(size.pools);
    expect(kinds.get('qwendeployments')?.objects).toBe(size.pools);
    expect(report.writes.filter(({ kind, max }) => kind !== 'hardwareclasses' && max > 5)).toEqual([]);
  });

  it('are not written to while nothing changes', () => {
    expect(report.rest.writes).toEqual([]);
  });

  it('are not written to by an operator that starts anew', () => {
    expect(report.restart.writes).toEqual([]);
  });
});
