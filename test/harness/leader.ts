// node leader.ts KUBECONFIG IDENTITY: runs for election, and writes as fast as it can while it leads. For tests of
// what happens to two of them. Says `leads` and `lost` on its standard output; ends when it is told to, or has lost.
import { silentLogger } from '@qwenfleet/core/log';
import { KubeClient } from '@qwenfleet/kube/client/client';
import { connect } from '@qwenfleet/kube/connection/connection';
import { systemEnvironment } from '@qwenfleet/kube/environment';
import { LeaderElection } from '@qwenfleet/kube/lease/election';
import { leaseApi } from '@qwenfleet/kube/lease/lease';

/** Shorter than in earnest, and long enough for a machine that is busy. */
export const times = { leaseMs: 6_000, renewMs: 4_000, retryMs: 500 };

if (import.meta.main) {
  const [file = '', identity = ''] = process.argv.slice(2);
  const environment = systemEnvironment({ log: silentLogger });
  const namespace = 'default';
  const own = await connect({ from: 'file', file }, environment);
  const shared = await connect({ from: 'file', file }, environment);
  const say = (word: string): void => void process.stdout.write(`${word}\n`);
  const election = new LeaderElection(
    {
      name: 'test',
      identity,
      lease: leaseApi(KubeClient.over({ connection: own }, environment), { namespace, name: 'test' }),
      onLost: () => say('lost'),
      ...times,
    },
    environment,
  );
  const client = KubeClient.over({ connection: shared, writes: { perSecond: 1_000, burst: 100 } }, environment);
  const writes = client.withFence(election.fence);
  const leaving = new AbortController();
  process.on('SIGTERM', () => leaving.abort(new Error('told to leave')));
  election.start();
  await election.elected;
  say('leads');
  for (let count = 0; !leaving.signal.aborted; count += 1) {
    const metadata = { name: `by-${identity}`, namespace };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { count: String(count) } };
    try {
      await writes.apply(object, { fieldManager: identity, signal: leaving.signal });
    } catch {
      // It may be a network that comes back; a leader that lost stays to try, which the fence has to stop.
    }
    await environment.clock.sleep(10);
  }
  await election.stop();
  await Promise.all([own.close(), shared.close()]);
}
