import { systemClock } from '@qwenfleet/core/clock';
import { createLogger } from '@qwenfleet/core/log';
import { randomSeed, seededRng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { KubeClient } from '@qwenfleet/kube/client/client';
import type { TransportOptions } from '@qwenfleet/kube/client/transport';
import { connect, type Connection } from '@qwenfleet/kube/connection/connection';
import type { Environment } from '@qwenfleet/kube/environment';

export type ApiAccess = {
  connection: Connection;
  client: KubeClient;
  environment: Environment;
  /** The value of the first series whose line matches, its last group. */
  metric: (line: RegExp) => Promise<number>;
  close: () => Promise<void>;
};

/** A client of our own on a real API server, which a test is not held up by: writes as fast as they go. */
export async function accessApi(kubeconfig: string, options: Partial<TransportOptions> = {}): Promise<ApiAccess> {
  const telemetry = new Telemetry('kube');
  const environment = {
    clock: systemClock,
    rng: seededRng(randomSeed()),
    log: createLogger('test', process.env['QWENFLEET_TEST_LOG'] ?? 'silent'),
    telemetry,
  };
  const connection = await connect({ from: 'file', file: kubeconfig }, environment);
  return {
    connection,
    environment,
    client: KubeClient.over({ connection, writes: { perSecond: 1_000, burst: 2_000 }, ...options }, environment),
    metric: async (line) => Number(line.exec((await telemetry.expose()).body)?.at(-1) ?? 0),
    close: () => connection.close(),
  };
}
