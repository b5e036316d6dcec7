import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { batchBuckets, durationBuckets, metrics, type MetricKey, type MetricSpec } from './names.ts';

type Labels<K extends MetricKey> = Record<(typeof metrics)[K]['labels'][number], string>;
type KeysOf<Kind extends MetricSpec['kind']> = {
  [K in MetricKey]: (typeof metrics)[K]['kind'] extends Kind ? K : never;
}[MetricKey];

/** Who owns a metric: the first word of its key. */
export type MetricOwner = 'router' | 'runtime' | 'operator' | 'kube';

/**
 * One process's metrics. Series exist from the table in `names.ts`; nothing else can be recorded.
 *
 *     telemetry.count('routerRequests', { pool: 'small', route: 'chat', status: '200' });
 */
export class Telemetry {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  /** @param owners only their metrics are registered, such as `'runtime'` or `['operator', 'kube']`. */
  constructor(owners: MetricOwner | readonly MetricOwner[], options: { processMetrics?: boolean } = {}) {
    const wanted = [owners].flat();
    for (const [key, spec] of Object.entries<MetricSpec>(metrics)) {
      if (!wanted.some((owner) => key.startsWith(owner))) continue;
      const common = { name: spec.name, help: spec.help, labelNames: [...spec.labels], registers: [this.#registry] };
      if (spec.kind === 'counter') this.#counters.set(key, new Counter(common));
      else if (spec.kind === 'gauge') this.#gauges.set(key, new Gauge(common));
      else {
        const buckets = key === 'runtimeBatchSize' ? batchBuckets : durationBuckets;
        this.#histograms.set(key, new Histogram({ ...common, buckets }));
      }
    }
    if (options.processMetrics) collectDefaultMetrics({ register: this.#registry });
  }

  count<K extends KeysOf<'counter'>>(key: K, labels: Labels<K>, by = 1): void {
    this.#counters.get(key)?.inc(labels, by);
  }

  /** Drops a series, for a label's value that is gone. */
  forget<K extends KeysOf<'counter'>>(key: K, labels: Labels<K>): void {
    this.#counters.get(key)?.remove(labels);
  }

  gauge<K extends KeysOf<'gauge'>>(key: K, labels: Labels<K>, value: number): void {
    this.#gauges.get(key)?.set(labels, value);
  }

  /** Forgets every series of a gauge, so that what is gone is not reported for ever. */
  resetGauge(key: KeysOf<'gauge'>): void {
    this.#gauges.get(key)?.reset();
  }

  observe<K extends KeysOf<'histogram'>>(key: K, labels: Labels<K>, value: number): void {
    this.#histograms.get(key)?.observe(labels, value);
  }

  /** Prometheus text format. */
  async expose(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
