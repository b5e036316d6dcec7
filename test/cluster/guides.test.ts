import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { chart } from '../harness/charts.ts';
import { clusterMissing, nodeMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { parseGuide, type Step } from '../harness/guide/parse.ts';
import { follow } from '../harness/guide/run.ts';
import { readerOf, type Session } from '../harness/guide/session.ts';
import { helm, helmMissing } from '../harness/helm.ts';
import { startOperator, type RunningOperator } from '../harness/operator.ts';
import { root } from '../house/imports.ts';

const stepsOf = (name: string): Step[] => parseGuide(readFileSync(path.join(root, 'docs/guides', name), 'utf8')).steps;

/** Their steps as tests. Each needs those before it, so after a failure the rest is skipped. */
function followGuides(names: readonly string[], session: () => Session): void {
  let failed = false;
  describe.each(names)('%s', (name) => {
    it.for(stepsOf(name))('$title', async (step, context) => {
      if (failed) context.skip();
      failed = true;
      await follow(session(), step);
      failed = false;
    });
  });
}

describe.skipIf((await nodeMissing()) ?? (await helmMissing))('the guides, on a real node', () => {
  let cluster: Cluster;
  let session: Session;
  beforeAll(async () => {
    cluster = await startCluster({ node: true });
    session = await readerOf(cluster);
  });
  afterAll(async () => {
    session?.end();
    await cluster?.stop();
  });
  followGuides(
    ['install.md', 'first-model.md', 'autoscaling.md', 'canary.md', 'hot-update.md', 'uninstall.md'],
    () => session,
  );
});

describe.skipIf((await clusterMissing) ?? (await helmMissing))('the guides, on nodes with GPUs that kwok plays', () => {
  let cluster: Cluster;
  let operator: RunningOperator;
  let session: Session;
  beforeAll(async () => {
    cluster = await startCluster();
    const gpus = (name: string, product: string, count: number, nodes: number) =>
      gpuNodes(cluster, {
        name,
        resource: 'nvidia.com/gpu',
        count,
        nodes,
        cpu: '192',
        memory: '2Ti',
        labels: { 'nvidia.com/gpu.product': product },
      });
    await gpus('l4', 'NVIDIA-L4', 1, 3);
    await gpus('h100', 'NVIDIA-H100-80GB-HBM3', 8, 2);
    // The classes of the chart, and pods for its operator that kwok plays: the operator itself runs beside the cluster.
    const kubeconfig = ['--kubeconfig', cluster.kubeconfig];
    for (const [release, name] of [
      ['qwenfleet-crds', 'qwenfleet-crds'],
      ['qwenfleet', 'qwenfleet'],
    ] as const) {
      const { code, stderr } = await helm(['install', release, chart(name), '--wait', ...kubeconfig]);
      if (code !== 0) throw new Error(stderr);
    }
    operator = await startOperator(cluster);
    session = await readerOf(cluster);
  });
  afterAll(async () => {
    session?.end();
    await operator?.stop();
    await cluster?.stop();
  });
  followGuides(['gpu-classes.md', 'troubleshooting.md'], () => session);
});
