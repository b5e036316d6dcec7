import type { PoolPrice } from '@qwenfleet/core/fleet/router-config';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { ReplicaView } from './reconcile/qwendeployment/plan/observed.ts';

/** Prometheus gives `namespace` to whoever is scraped, which is the operator. */
export type PoolLabels = { pool_namespace: string; pool: string };

/** Words of Kubernetes for why a container ended; `Other` for those that a runtime of containers makes up. */
const restartReasons = ['OOMKilled', 'Error', 'Completed', 'Other'] as const;
export type RestartReason = (typeof restartReasons)[number];

export const restartReasonOf = (word: string | undefined): RestartReason =>
  restartReasons.find((known) => known === word) ?? 'Other';

export type PoolSize = {
  wanted: number;
  replicas: readonly Pick<ReplicaView, 'state'>[];
  price: PoolPrice;
};

/** What the operator counts of one pool. */
export class PoolMetrics {
  readonly #telemetry: Telemetry;
  readonly #labels: PoolLabels;

  constructor(telemetry: Telemetry, labels: PoolLabels) {
    this.#telemetry = telemetry;
    this.#labels = labels;
    // A counter that begins at one has never grown, as far as Prometheus can see.
    for (const direction of ['up', 'down'] as const) this.#countScaled(direction, 0);
    for (const reason of ['Error', 'OOMKilled'] as const) this.restarted(reason, 0);
  }

  scaled(from: number, to: number): void {
    this.#countScaled(to > from ? 'up' : 'down', 1);
  }

  restarted(reason: RestartReason, times = 1): void {
    this.#telemetry.count('operatorRestarts', { ...this.#labels, reason }, times);
  }

  /** Forgets what is read when somebody looks, of all pools, so that none is told of that is gone. */
  static reset(telemetry: Telemetry): void {
    for (const gauge of ['operatorReplicas', 'operatorReplicaPrice', 'operatorTokenPrice'] as const)
      telemetry.resetGauge(gauge);
  }

  /** Sets what is read when somebody looks. States without replicas are left out, but for those that a panel compares. */
  measure({ wanted, replicas, price }: PoolSize): void {
    const { perReplicaHour, perMillionTokens } = price;
    if (perReplicaHour !== undefined) this.#telemetry.gauge('operatorReplicaPrice', this.#labels, perReplicaHour);
    if (perMillionTokens !== undefined) this.#telemetry.gauge('operatorTokenPrice', this.#labels, perMillionTokens);
    const counts = new Map<string, number>([
      ['wanted', wanted],
      ['ready', 0],
    ]);
    for (const { state } of replicas) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const [state, count] of counts) this.#telemetry.gauge('operatorReplicas', { ...this.#labels, state }, count);
  }

  /** The pool is gone, and with it its counters. */
  end(): void {
    for (const direction of ['up', 'down'])
      this.#telemetry.forget('operatorScaleDecisions', { ...this.#labels, direction });
    for (const reason of restartReasons) this.#telemetry.forget('operatorRestarts', { ...this.#labels, reason });
  }

  #countScaled(direction: 'up' | 'down', times: number): void {
    this.#telemetry.count('operatorScaleDecisions', { ...this.#labels, direction }, times);
  }
}
