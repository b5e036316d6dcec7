import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiProxy } from '../harness/api-proxy.ts';
import { clusterMissing, startCluster, type Cluster } from '../harness/cluster/cluster.ts';
import { eventually } from '../harness/fleet.ts';
import { root } from '../house/imports.ts';

type Runner = { identity: string; child: ChildProcess; proxy: ApiProxy; said: () => string };

describe.skipIf(await clusterMissing)('two processes of which one may write', () => {
  let cluster: Cluster;
  const runners: Runner[] = [];
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(async () => {
    for (const { child, proxy } of runners) {
      child.kill('SIGKILL');
      await proxy.stop();
    }
    await cluster?.stop();
  });

  /** A process that runs for election, with a network of its own. */
  async function run(identity: string): Promise<Runner> {
    const proxy = await ApiProxy.start({ kubeconfig: cluster.kubeconfig });
    const entry = path.join(root, 'test/harness/leader.ts');
    const child = spawn(process.execPath, [entry, proxy.kubeconfig, identity], { stdio: ['ignore', 'pipe', 2] });
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const runner = { identity, child, proxy, said: () => said };
    runners.push(runner);
    return runner;
  }
  const says = (runner: Runner, word: string): Promise<unknown> =>
    eventually(
      async () => runner.said(),
      (said) => said.includes(word),
      60_000,
    );
  /** When the API server received its writes, in order. */
  const writesOf = ({ identity }: Runner): string[] =>
    cluster
      .audit()
      .filter(({ objectRef }) => objectRef?.resource === 'configmaps' && objectRef.name === `by-${identity}`)
      .map(({ at }) => at)
      .sort();
  const writesAgain = async (runner: Runner): Promise<void> => {
    const before = writesOf(runner).length;
    await eventually(
      async () => writesOf(runner).length,
      (count) => count > before + 5,
      30_000,
    );
  };

  it('never write at once: when the leader is cut off, when it is stopped and wakes; one that leaves hands it on', async () => {
    const first = await run('first');
    await says(first, 'leads');
    const second = await run('second');
    await writesAgain(first);

    first.proxy.partition();
    await says(second, 'leads');
    first.proxy.heal();
    await says(first, 'lost');
    await writesAgain(second);
    expect(String(writesOf(first).at(-1)) < String(writesOf(second)[0])).toBe(true);

    const third = await run('third');
    await writesAgain(second);
    second.child.kill('SIGSTOP');
    await says(third, 'leads');
    second.child.kill('SIGCONT');
    await says(second, 'lost');
    await writesAgain(third);
    expect(String(writesOf(second).at(-1)) < String(writesOf(third)[0])).toBe(true);

    const left = new Promise((resolve) => third.child.once('exit', resolve));
    third.child.kill('SIGTERM');
    await left;
    const { stdout } = await cluster.kubectl(['get', 'lease', 'test', '-o', 'jsonpath=[{.spec.holderIdentity}]']);
    expect(stdout).toBe('[]');
    const fourth = await run('fourth');
    await writesAgain(fourth);
    expect(String(writesOf(third).at(-1)) < String(writesOf(fourth)[0])).toBe(true);
    // They all tried to go on writing.
    expect(writesOf(first).length + writesOf(second).length + writesOf(third).length).toBeGreaterThan(15);
  });
});
