import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProxyRequest } from '../harness/api-proxy.ts';
import { accessApi, type ApiAccess } from '../harness/cluster-api.ts';
import type { AuditLine } from '../harness/cluster/audit.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { installCrds } from '../harness/cluster/crds.ts';
import { gpuNodes } from '../harness/cluster/gpu-nodes.ts';
import { followHistory, type History } from '../harness/cluster/history.ts';
import { kubectl } from '../harness/cluster/kubectl.ts';
import { get, list } from '../harness/cluster/objects.ts';
import { eventually } from '../harness/fleet.ts';
import { KeptOperator } from '../harness/kept-operator.ts';

type Condition = { type: string; status: string };
type Pool = { status?: { readyReplicas?: number; conditions?: Condition[]; observedGeneration?: number } };
type Workload = { metadata: { name: string }; spec: { replicas: number } };

const hardwareClass = {
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind: 'HardwareClass',
  metadata: { name: 'l4' },
  spec: {
    accelerator: { resourceName: 'nvidia.com/gpu', memory: '24Gi' },
    resources: { cpu: '1', memory: '4Gi' },
    nodeSelector: { 'example.com/gpu': 'l4' },
  },
};
const pool = (name: string, spec: object): object => ({
  apiVersion: 'qwenfleet.io/v1alpha1',
  kind: 'QwenDeployment',
  metadata: { name },
  spec: {
    tier: 'small',
    model: { uri: 'hf://Qwen/Qwen2.5-7B-Instruct' },
    quantization: 'int8',
    hardware: { class: 'l4', count: 1 },
    ...spec,
  },
});

/** A watch that is half open is given up after 90 s at the latest, and one list mends it; the rest is a busy machine. */
const convergedMs = 120_000;
const isWatch = (request: ProxyRequest): boolean => request.isWatch;
/** Everything but the lease: without that a leader has to go, which is another test. */
const isWork = ({ path }: ProxyRequest): boolean => !path.includes('/leases/');

describe.skipIf(await clusterMissing)('an operator that the API server is far away from', () => {
  let cluster: Cluster;
  let direct: ApiAccess;
  let history: History;
  let operators: KeptOperator[] = [];
  let round = 0;
  /** Replicas of the pool `steady`, which each test raises by one. */
  let steady = 1;

  beforeAll(async () => {
    cluster = await startCluster();
    await installCrds(cluster);
    const labels = { 'example.com/gpu': 'l4' };
    await gpuNodes(cluster, { name: 'l4', resource: 'nvidia.com/gpu', count: 64, nodes: 1, labels });
    await apply(hardwareClass);
    direct = await accessApi(cluster.kubeconfig);
    operators = [await KeptOperator.start(cluster, 'first')];
    await apply(pool('steady', { replicas: steady }), pool('other', { replicas: 2 }));
    // Nobody tells its load: what it has now is what it keeps, above its least.
    await apply(pool('scaled', { scaling: { minReplicas: 3, maxReplicas: 4 } }));
    await ready({ steady, other: 2, scaled: 3 });
    await apply(pool('scaled', { scaling: { minReplicas: 1, maxReplicas: 4 } }));
    await observed('scaled');
  });
  afterAll(async () => {
    for (const operator of operators) await operator.stop();
    await direct?.close();
    await cluster?.stop();
  });
  beforeEach(async () => {
    history = await followHistory(direct, 'default');
    round += 1;
  });
  afterEach(async () => {
    for (const { proxy } of operators) {
      proxy.heal();
      proxy.mischief = {};
    }
    await history.stop();
  });

  const apply = (...items: object[]): Promise<string> =>
    kubectl(cluster, ['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
  const ready = (wanted: Record<string, number>): Promise<unknown> =>
    eventually(
      async () => {
        const seen = await Promise.all(Object.keys(wanted).map((name) => get<Pool>(cluster, 'qd', name)));
        return seen.map((each) => each?.status?.readyReplicas ?? 0);
      },
      (counts) => Object.values(wanted).every((count, at) => counts[at] === count),
      convergedMs,
      250,
    );
  const observed = (name: string): Promise<unknown> =>
    eventually(
      () => get<Pool & { metadata: { generation: number } }>(cluster, 'qd', name),
      (seen) => seen?.status?.observedGeneration === seen?.metadata.generation,
      convergedMs,
      250,
    );

  /** What people ask for meanwhile: one replica more of a pool that is there, and a pool that is not. */
  const askForMore = async (): Promise<Record<string, number>> => {
    steady += 1;
    const fresh = `fresh-${round}`;
    await apply(pool('steady', { replicas: steady }), pool(fresh, { replicas: 1 }));
    return { steady, [fresh]: 1, other: 2, scaled: 3 };
  };
  const nothingWasTakenDown = async (): Promise<void> => {
    // What is wrong may come late: with the list that mends it.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(history).toMatchObject({ lowered: [], replaced: [], deletedPods: [] });
    const workloads = await list<Workload>(cluster, 'deployments');
    expect(workloads.find(({ metadata }) => metadata.name.startsWith('scaled'))?.spec.replicas).toBe(3);
  };
  /** Writes of one operator but those to its lease, in order. */
  const writesOf = ({ name }: KeptOperator): AuditLine[] =>
    cluster
      .audit()
      .filter(({ userAgent, objectRef }) => userAgent === name && objectRef?.resource !== 'leases')
      .toSorted((a, b) => a.at.localeCompare(b.at));

  describe.each<[what: string, begin: (operator: KeptOperator) => void]>([
    [
      'that is asked to wait (429)',
      ({ proxy }) => {
        proxy.inject({ kind: 'answer', status: 429, retryAfterSeconds: 1 }, { when: isWork, times: 60 });
        for (const watch of proxy.watches) watch.reset();
      },
    ],
    [
      'whose server fails (500)',
      ({ proxy }) => {
        proxy.inject({ kind: 'answer', status: 500 }, { when: isWork, times: 60 });
        for (const watch of proxy.watches) watch.reset();
      },
    ],
    [
      'whose connections break',
      ({ proxy }) => {
        proxy.inject({ kind: 'reset' }, { when: isWork, times: 60 });
        for (const watch of proxy.watches) watch.reset();
      },
    ],
    [
      'whose watches come too late (410)',
      ({ proxy }) => {
        proxy.inject({ kind: 'answer', status: 410, reason: 'Expired' }, { when: isWatch, times: 20 });
        for (const watch of proxy.watches) watch.expire();
      },
    ],
    [
      'whose watches are half open',
      ({ proxy }) => {
        for (const watch of proxy.watches) watch.silence();
      },
    ],
    [
      'that hears everything twice and in another order',
      ({ proxy }) => (proxy.mischief = { duplicate: true, reorder: true }),
    ],
  ])('%s', (_, begin) => {
    it('does what it is asked for meanwhile, and takes nothing down', async () => {
      const [operator] = operators as [KeptOperator];
      begin(operator);
      const wanted = await askForMore();
      await ready(wanted);
      await nothingWasTakenDown();
      expect(operator.starts).toBe(1);
    });
  });

  describe('when another operator waits to take over', () => {
    /** The one that leads comes first; the other has synced and waits. */
    const withStandby = async (name: string): Promise<[leader: KeptOperator, standby: KeptOperator]> => {
      const standby = await KeptOperator.start(cluster, name);
      operators.push(standby);
      return [operators.at(-2), standby] as [KeptOperator, KeptOperator];
    };
    const nextOne = async (leader: KeptOperator): Promise<void> => {
      operators = operators.filter((operator) => operator !== leader);
      await leader.stop();
    };
    /** Not at once: every write of the one came before every write of the other. */
    const neverAtOnce = (before: KeptOperator, after: KeptOperator): void => {
      const [last, first] = [writesOf(before).at(-1), writesOf(after)[0]];
      expect([last, first]).toEqual([expect.anything(), expect.anything()]);
      expect(String(last?.at) < String(first?.at)).toBe(true);
    };

    it('a leader that is cut off stops writing before the other begins, and does not begin again', async () => {
      const [leader, standby] = await withStandby('second');
      leader.proxy.partition();
      await ready(await askForMore());
      expect(writesOf(standby)).not.toHaveLength(0);
      leader.proxy.heal();
      // It ends, is started again, and waits for its turn.
      await eventually(
        async () => leader.starts,
        (starts) => starts === 2,
        convergedMs,
      );
      await ready(await askForMore());
      await nothingWasTakenDown();
      neverAtOnce(leader, standby);
      await nextOne(leader);
    });

    it('one that has heard nothing for a while asks before it acts on what it knows', async () => {
      const [leader, standby] = await withStandby('third');
      // What it knows is not even of one moment: workloads as they are, pools as they were.
      const deaf = await eventually(
        async () => standby.proxy.watches.find(({ path }) => path.includes('/qwendeployments?')),
        (watch) => watch !== undefined,
        convergedMs,
      );
      deaf?.silence();
      await ready(await askForMore());
      await nextOne(leader);
      await ready(await askForMore());
      await nothingWasTakenDown();
      neverAtOnce(leader, standby);
    });
  });

  describe('whose API server is killed', () => {
    it.each([
      ['alone', false],
      ['with the operator', true],
    ])('%s: goes on where it was when it is back', async (_, both) => {
      const [operator] = operators as [KeptOperator];
      await cluster.kill('apiserver');
      if (both) await operator.kill();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await cluster.start('apiserver');
      const isUp = async (): Promise<boolean> => (await cluster.kubectl(['get', '--raw', '/readyz'])).code === 0;
      await eventually(isUp, Boolean, 60_000, 200);
      await ready(await askForMore());
      await nothingWasTakenDown();
    });
  });
});
