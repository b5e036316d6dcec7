import { isExpired, type ClientKey } from '@qwenfleet/core/fleet/client-key';
import { FleetError } from '@qwenfleet/core/errors';

/** Keys by digest, so that a request costs the same however many there are, and comparing gives nothing of a key away. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, ClientKey>;

  constructor(keys: readonly ClientKey[]) {
    // Of a key that is there twice the first holds.
    this.#keys = new Map(keys.map((key) => [key.sha256, key] as const).toReversed());
  }

  /**
   * The key of a request, from its bearer key's digest; undefined where the endpoint is open to all.
   * Throws `invalid_api_key`.
   * @param digest sha256 of the key in hex.
   */
  admit(digest: string | undefined, nowEpochMs: number): ClientKey | undefined {
    if (this.#keys.size === 0) return undefined;
    if (digest === undefined)
      throw refused('it is missing; send "Authorization: Bearer KEY" with a key of this endpoint.');
    const known = this.#keys.get(digest);
    if (!known) throw refused('the key is not known here. Ask whoever runs this endpoint for one.');
    if (isExpired(known, nowEpochMs))
      throw refused(`the key expired at ${known.expires}. Ask whoever runs this endpoint for a new one.`);
    return known;
  }
}

const refused = (why: string): FleetError => new FleetError('invalid_api_key', `authorization: ${why}`);
