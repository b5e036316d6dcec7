import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { describe, expect, it } from 'vitest';
import { PoolMetrics, restartReasonOf } from './pool-metrics.ts';

const labels = { pool_namespace: 'fleet', pool: 'chat' };
const text = 'pool_namespace="fleet",pool="chat"';

/** Lines about pools. */
async function seriesOf(telemetry: Telemetry): Promise<string[]> {
  const { body } = await telemetry.expose();
  return body.split('\n').filter((line) => line.includes('pool_namespace='));
}

describe('metrics of a pool', () => {
  it('begin at zero, so that the first restart is a growth that Prometheus sees', async () => {
    const telemetry = new Telemetry('operator');
    const pool = new PoolMetrics(telemetry, labels);
    expect(await seriesOf(telemetry)).toEqual([
      `qwenfleet_operator_scale_decisions_total{${text},direction="up"} 0`,
      `qwenfleet_operator_scale_decisions_total{${text},direction="down"} 0`,
      `qwenfleet_operator_restarts_total{${text},reason="Error"} 0`,
      `qwenfleet_operator_restarts_total{${text},reason="OOMKilled"} 0`,
    ]);
    pool.scaled(1, 3);
    pool.scaled(3, 0);
    pool.restarted('OOMKilled', 2);
    const lines = await seriesOf(telemetry);
    expect(lines).toContain(`qwenfleet_operator_scale_decisions_total{${text},direction="up"} 1`);
    expect(lines).toContain(`qwenfleet_operator_scale_decisions_total{${text},direction="down"} 1`);
    expect(lines).toContain(`qwenfleet_operator_restarts_total{${text},reason="OOMKilled"} 2`);
  });

  it('show how many replicas are wanted, ready, and in every state that some are in', async () => {
    const telemetry = new Telemetry('operator');
    const pool = new PoolMetrics(telemetry, labels);
    const replicas = async (): Promise<string[]> =>
      (await seriesOf(telemetry)).flatMap((line) => /_replicas\{.*state="(.*)$/.exec(line)?.[1] ?? []);
    const starting = { state: 'starting' } as const;
    pool.measure({ wanted: 3, replicas: [{ state: 'ready' }, starting, starting], price: {} });
    expect(await replicas()).toEqual(['wanted"} 3', 'ready"} 1', 'starting"} 2']);
    PoolMetrics.reset(telemetry);
    pool.measure({ wanted: 0, replicas: [], price: {} });
    expect(await replicas()).toEqual(['wanted"} 0', 'ready"} 0']);
  });

  it('tell what it costs, where that is known', async () => {
    const telemetry = new Telemetry('operator');
    const pool = new PoolMetrics(telemetry, labels);
    const prices = async (): Promise<string[]> =>
      (await seriesOf(telemetry)).filter((line) => line.includes('_price_'));
    pool.measure({ wanted: 1, replicas: [], price: { perReplicaHour: 3.2 } });
    expect(await prices()).toEqual([`qwenfleet_operator_replica_price_per_hour{${text}} 3.2`]);
    PoolMetrics.reset(telemetry);
    pool.measure({ wanted: 1, replicas: [], price: { perMillionTokens: 0.1 } });
    expect(await prices()).toEqual([`qwenfleet_operator_price_per_million_tokens{${text}} 0.1`]);
  });

  it('go with the pool', async () => {
    const telemetry = new Telemetry('operator');
    const pool = new PoolMetrics(telemetry, labels);
    pool.restarted('Completed');
    pool.end();
    expect(await seriesOf(telemetry)).toEqual([]);
  });

  it('know the words of Kubernetes for an end, and one word for all others', () => {
    expect(['OOMKilled', 'Error', 'StartError', undefined].map(restartReasonOf)).toEqual([
      'OOMKilled',
      'Error',
      'Other',
      'Other',
    ]);
  });
});
