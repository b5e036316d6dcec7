import { describeError } from '@qwenfleet/core/errors';
import { z } from 'zod';
import type { KubeClient } from '../client/client.ts';
import type { CallOptions } from '../client/options.ts';
import { isNotFound } from '../client/status-error.ts';
import type { Environment } from '../environment.ts';
import type { KubeObject } from '../object.ts';
import { resource, type Resource } from '../resource.ts';
import { heeding } from '../time-limit.ts';

const resourceListSchema = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
});

type Served = z.infer<typeof resourceListSchema>['resources'];
type Entry = { served: Served; askedMs: number };

/** Custom resources come and go with whoever installs them; CRD events make it faster, see `recheck`. */
const freshMs = 300_000;
/** Group versions anybody asked for. */
const entriesMax = 200;

/**
 * Which kinds the cluster serves now. Asks only for the groups that somebody asks about, remembers the answer for five
 * minutes, and keeps the last one when the API server is down.
 *
 *     if (await discovery.has('monitoring.coreos.com', 'v1', 'PodMonitor')) { … }
 */
export class Discovery {
  readonly #client: KubeClient;
  readonly #environment: Environment;
  readonly #freshMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<Served>>();

  constructor(client: KubeClient, environment: Environment, options: { freshMs?: number } = {}) {
    this.#client = client;
    this.#environment = environment;
    this.#freshMs = options.freshMs ?? freshMs;
  }

  async has(group: string, version: string, kind: string, options: CallOptions = {}): Promise<boolean> {
    return (await this.find(group, version, kind, options)) !== undefined;
  }

  /** With the plural and the scope that the server says; undefined where it does not serve the kind. */
  async find<T extends KubeObject>(
    group: string,
    version: string,
    kind: string,
    options: CallOptions = {},
  ): Promise<Resource<T> | undefined> {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const served = await this.#served(apiVersion, options);
    // Subresources are listed with the kind of what they take, such as Scale.
    const found = served.find((each) => each.kind === kind && !each.name.includes('/'));
    return found && resource<T>({ apiVersion, kind, plural: found.name, namespaced: found.namespaced });
  }

  /** Forgets: the next question is asked again. Call it when a CustomResourceDefinition or an APIService changes. */
  recheck(): void {
    for (const entry of this.#entries.values()) entry.askedMs = Number.NEGATIVE_INFINITY;
  }

  async #served(apiVersion: string, options: CallOptions): Promise<Served> {
    const known = this.#entries.get(apiVersion);
    if (known && this.#environment.clock.nowMs() - known.askedMs < this.#freshMs) return known.served;
    const asking = this.#asking.get(apiVersion) ?? this.#ask(apiVersion).finally(() => this.#asking.delete(apiVersion));
    this.#asking.set(apiVersion, asking);
    try {
      return await heeding(options.signal, asking);
    } catch (error) {
      if (!known || options.signal?.aborted) throw error;
      this.#environment.log.warn({ apiVersion, error: describeError(error) }, 'kept what discovery knew');
      return known.served;
    }
  }

  /** Several may wait for the answer, so no one's signal ends it; the client's deadline does. */
  async #ask(apiVersion: string): Promise<Served> {
    const askedMs = this.#environment.clock.nowMs();
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const served = await this.#client.raw(path).then(
      (json) => resourceListSchema.parse(json).resources,
      (error: unknown) => {
        if (isNotFound(error)) return [];
        throw error;
      },
    );
    this.#entries.delete(apiVersion);
    this.#entries.set(apiVersion, { served, askedMs });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > entriesMax && oldest !== undefined) this.#entries.delete(oldest);
    return served;
  }
}
