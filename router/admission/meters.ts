import type { ClientKey } from '@qwenfleet/core/fleet/client-key';
import { ClientMeter } from './meter.ts';

/** A meter for each client that has a quota: there are never more than clients that the configuration names. */
export class Meters {
  readonly #meters = new Map<string, ClientMeter>();

  /** Undefined for a key without a quota. */
  of({ id, quota }: ClientKey): ClientMeter | undefined {
    if (!quota) return undefined;
    const known = this.#meters.get(id) ?? new ClientMeter();
    this.#meters.set(id, known);
    return known;
  }

  /** Forgets clients that are gone; what others have used stays. */
  keep(keys: readonly ClientKey[]): void {
    const named = new Set(keys.filter(({ quota }) => quota).map(({ id }) => id));
    for (const id of this.#meters.keys()) if (!named.has(id)) this.#meters.delete(id);
  }
}
