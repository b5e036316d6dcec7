import type { KeyScopes } from '@qwenfleet/core/fleet/client-key';
import { outOfScope, takesName, takesPool } from './admission/scope.ts';
import type { Fleet, FleetView } from './fleet-view.ts';
import type { PoolView } from './policy/policy.ts';
import type { UpstreamPool } from './upstream/pool.ts';

/** The fleet as a key sees it: what is outside of its scope is not there. */
export class ScopedFleet implements Fleet {
  readonly #fleet: FleetView;
  readonly #scopes: KeyScopes;

  constructor(fleet: FleetView, scopes: KeyScopes) {
    this.#fleet = fleet;
    this.#scopes = scopes;
  }

  get pools(): readonly UpstreamPool[] {
    return this.#fleet.pools.filter((pool) => this.namesOf(pool).length > 0);
  }

  namesOf(pool: UpstreamPool): readonly string[] {
    return this.#fleet.namesOf(pool).filter((name) => takesName(this.#scopes, pool.config, name));
  }

  /** Throws `forbidden` for everything that the key is not for, whether it exists or not. */
  named(name: string, task: 'generate' | 'embed'): UpstreamPool {
    const pool = this.#fleet.find(name);
    if (!pool || !takesName(this.#scopes, pool.config, name)) throw outOfScope(this.#scopes, name);
    return this.#fleet.named(name, task);
  }

  /** Throws `forbidden` when the key is for no whole pool. */
  views(): PoolView[] {
    const views = this.#fleet.views().filter((view) => takesPool(this.#scopes, view));
    if (views.length === 0) throw outOfScope(this.#scopes, 'auto');
    return views;
  }
}
