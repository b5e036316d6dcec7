import type { Clock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { PoolConfig } from '@qwenfleet/core/fleet/router-config';
import type { PoolReport } from '@qwenfleet/core/load/pool-report';
import type { Rng } from '@qwenfleet/core/rng';
import type { PoolView } from './policy/policy.ts';
import { UpstreamPool } from './upstream/pool.ts';

export type FleetParts = { clock: Clock; rng: Rng; onWake: (pool: string) => void };

/** What requests see of the fleet: all of it, or what their key is for. */
export type Fleet = {
  readonly pools: readonly UpstreamPool[];
  /** By which a client may ask for the pool, its own first. */
  namesOf: (pool: UpstreamPool) => readonly string[];
  /** The pool that goes by a name, if it does such work. Throws what tells a client why not. */
  named: (name: string, task: 'generate' | 'embed') => UpstreamPool;
  /** The pools that `auto` may choose from. */
  views: () => PoolView[];
};

/** All pools of the router: found by name, told of new endpoints, looked at by the policy. */
export class FleetView implements Fleet {
  readonly #parts: FleetParts;
  #pools: readonly UpstreamPool[] = [];
  #last: EndpointSnapshot | undefined;

  constructor(pools: readonly PoolConfig[], parts: FleetParts) {
    this.#parts = parts;
    this.configure(pools);
  }

  get pools(): readonly UpstreamPool[] {
    return this.#pools;
  }

  /** True once a list of endpoints has come. */
  get known(): boolean {
    return this.#last !== undefined;
  }

  /** Takes new configurations. A pool that stays is known by its name and keeps its state; one that goes ends well. */
  configure(configs: readonly PoolConfig[]): void {
    const before = new Map(this.#pools.map((pool) => [pool.config.name, pool]));
    this.#pools = configs.map((config) => {
      const known = before.get(config.name);
      before.delete(config.name);
      if (!known) return this.#create(config);
      known.configure(config);
      return known;
    });
    for (const gone of before.values()) gone.retire();
  }

  /** Older lists than the last one are ignored. */
  update(snapshot: EndpointSnapshot): void {
    if (this.#last && snapshot.generation < this.#last.generation) return;
    this.#last = snapshot;
    for (const pool of this.#pools) this.#tell(pool);
  }

  namesOf({ config }: UpstreamPool): readonly string[] {
    return [config.name, ...config.models];
  }

  find(name: string): UpstreamPool | undefined {
    return (
      this.#pools.find(({ config }) => config.name === name) ??
      this.#pools.find(({ config }) => config.models.includes(name))
    );
  }

  /** The pool that goes by a name: its own, its model's or an alias. Throws `model_not_found` with what there is. */
  named(name: string, task: 'generate' | 'embed'): UpstreamPool {
    const pool = this.find(name);
    if (!pool) {
      const names = ['"auto"', ...this.#pools.map(({ config }) => `"${config.name}"`)].join(', ');
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
    return this.#pools.map((pool) => {
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
        pressure: pool.pressure,
        available: pool.available,
      };
    });
  }

  reports(): Record<string, PoolReport> {
    return Object.fromEntries(this.#pools.map((pool) => [pool.config.name, pool.report]));
  }

  #create(config: PoolConfig): UpstreamPool {
    const { onWake, ...parts } = this.#parts;
    const pool = new UpstreamPool(config, { ...parts, onWake: () => onWake(config.name) });
    this.#tell(pool);
    return pool;
  }

  /** Endpoints may come before the configuration that names their pool. */
  #tell(pool: UpstreamPool): void {
    const seen = this.#last?.pools[pool.config.name];
    if (seen) pool.update(seen);
  }
}
