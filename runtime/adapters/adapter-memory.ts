import { FleetError } from '@qwenfleet/core/errors';
import type { AdapterMatrix, AdapterPlaces } from '../backend/backend.ts';
import type { PlacedAdapter } from '../engine/generation.ts';

/** What can be brought into memory. */
export type Placeable = {
  /** Its identity. */
  weights: symbol;
  /** Throws when its files are not what they were. */
  open: () => Promise<Iterable<AdapterMatrix>>;
};

type Tenant = { place: number; uses: number; written: Promise<void> };

type Waiting = { adapter: Placeable; admit: (tenant: Tenant) => void };

/**
 * Which adapters are in memory: those that are in use, and of the others the ones that were used last. A request for one
 * that has no place waits until another is out of use; requests are given places in the order in which they came, so that
 * those for adapters in use cannot keep one out for ever.
 */
export class AdapterMemory {
  readonly #places: AdapterPlaces;
  readonly #waitingMax: number;
  readonly #onPlaced: () => void;
  /** The one that was used last stands last. */
  readonly #tenants = new Map<symbol, Tenant>();
  readonly #free: number[];
  readonly #waiting: Waiting[] = [];

  constructor(places: AdapterPlaces, waitingMax: number, onPlaced: () => void) {
    this.#places = places;
    this.#waitingMax = waitingMax;
    this.#onPlaced = onPlaced;
    this.#free = Array.from({ length: places.count }, (_, index) => index + 1);
  }

  /** Adapters in memory. */
  get resident(): number {
    return this.#tenants.size;
  }

  /** Requests that wait for a place. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Brings an adapter into memory and keeps it there until its end is told. Throws `queue_full` when too many wait,
   * `cancelled` when the signal aborts meanwhile, and what reading the adapter does.
   */
  async hold(adapter: Placeable, signal: AbortSignal): Promise<Omit<PlacedAdapter, 'name'>> {
    const tenant = await this.#admitted(adapter, signal);
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      this.#leave(adapter.weights, tenant);
    };
    try {
      await tenant.written;
    } catch (error) {
      end();
      throw error;
    }
    return { place: tenant.place, weights: adapter.weights, end };
  }

  #admitted(adapter: Placeable, signal: AbortSignal): Promise<Tenant> {
    if (signal.aborted) throw cancelled();
    const tenant = this.#waiting.length === 0 ? this.#enter(adapter) : undefined;
    if (tenant) return Promise.resolve(tenant);
    if (this.#waiting.length >= this.#waitingMax) {
      throw new FleetError(
        'queue_full',
        `${this.#waiting.length} requests wait for an adapter's place already, and that is the limit. Try again later.`,
      );
    }
    return new Promise((resolve, reject) => {
      const give = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(own), 1);
        reject(cancelled());
        this.#admitNext();
      };
      const own = {
        adapter,
        admit: (given: Tenant): void => {
          signal.removeEventListener('abort', give);
          resolve(given);
        },
      };
      signal.addEventListener('abort', give, { once: true });
      this.#waiting.push(own);
    });
  }

  #admitNext(): void {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      const tenant = this.#enter(next.adapter);
      if (!tenant) return;
      this.#waiting.shift();
      next.admit(tenant);
    }
  }

  /** One more use of an adapter; undefined when there is no place for it. */
  #enter(adapter: Placeable): Tenant | undefined {
    const tenant = this.#tenants.get(adapter.weights) ?? this.#moveIn(adapter);
    if (!tenant) return undefined;
    tenant.uses += 1;
    this.#tenants.delete(adapter.weights);
    this.#tenants.set(adapter.weights, tenant);
    return tenant;
  }

  #moveIn(adapter: Placeable): Tenant | undefined {
    const place = this.#free.shift() ?? this.#evict();
    if (place === undefined) return undefined;
    const written = adapter.open().then(async (matrices) => {
      await this.#places.write(place, matrices);
      this.#onPlaced();
    });
    return { place, uses: 0, written };
  }

  /** The place of the adapter that was used longest ago, of those that nobody uses. */
  #evict(): number | undefined {
    const [weights, tenant] = [...this.#tenants].find(([, { uses }]) => uses === 0) ?? [];
    if (!weights || !tenant) return undefined;
    this.#tenants.delete(weights);
    return tenant.place;
  }

  #leave(weights: symbol, tenant: Tenant): void {
    tenant.uses -= 1;
    if (tenant.uses === 0) {
      // One that could not be written is tried anew by whoever asks next.
      tenant.written.catch(() => {
        if (this.#tenants.get(weights) !== tenant || tenant.uses > 0) return;
        this.#tenants.delete(weights);
        this.#free.push(tenant.place);
        this.#admitNext();
      });
    }
    this.#admitNext();
  }
}

const cancelled = (): FleetError => new FleetError('cancelled', 'The request was cancelled.');
