import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { PoolLoad } from '@qwenfleet/core/fleet/channel';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { Rng } from '@qwenfleet/core/rng';
import type { PoolView } from './policy/policy.ts';
import { UpstreamPool } from './upstream/pool.ts';

/** All pools of the router: found by name, told of new endpoints, looked at by the policy. */
export class FleetView {
  readonly pools: readonly UpstreamPool[];
  #generation = -1;

  constructor(config: RouterConfig, parts: { clock: Clock; rng: Rng; onWake: (pool: string) => void }) {
    this.pools = config.pools.map(
      (pool) => new UpstreamPool(pool, { ...parts, onWake: () => parts.onWake(pool.name) }),
    );
  }

  /** True once a list of endpoints has come. */
  get known(): boolean {
    return this.#generation >= 0;
  }

  /** Older lists than the last one are ignored. */
  update(snapshot: EndpointSnapshot): void {
    if (snapshot.generation < this.#generation) return;
    this.#generation = snapshot.generation;
    for (const pool of this.pools) {
      const seen = snapshot.pools[pool.config.name];
      if (seen) pool.update(seen);
    }
  }

  /** The pool that goes by a name: its own, its model's or an alias. Throws `model_not_found` with what there is. */
  named(name: string, task: 'generate' | 'embed'): UpstreamPool {
    const pool =
      this.pools.find(({ config }) => config.name === name) ??
      this.pools.find(({ config }) => config.models.includes(name));
    if (!pool) {
      const names = ['"auto"', ...this.pools.map(({ config }) => `"${config.name}"`)].join(', ');
      throw new FleetError('model_not_found', `model: "${name}" is not served here. Ask for one of ${names}.`, {
        param: 'model',
      });
    }
    if (pool.config.task === task) return pool;
    const [makes, route] =
      pool.config.task === 'embed' ? ['embeddings', '/v1/embeddings'] : ['text', '/v1/chat/completions'];
    throw new FleetError('unsupported', `model: "${name}" makes ${makes}. Ask for it at POST ${route}.`, {
      param: 'model',
    });
  }

  views(): PoolView[] {
    return this.pools.map((pool) => {
      const { name, tier, task, contextLength, capabilities, costPerToken } = pool.config;
      return {
        name,
        tier,
        task,
        contextLength,
        capabilities,
        costPerToken,
        ready: pool.ready,
        starting: pool.starting,
        waitMs: pool.waitMs,
        available: pool.available,
      };
    });
  }

  loads(): Record<string, PoolLoad> {
    return Object.fromEntries(this.pools.map((pool) => [pool.config.name, pool.load]));
  }
}
