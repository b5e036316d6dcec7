import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import { FleetError } from '@qwenfleet/core/errors';

/**
 * The client of a request, from its bearer key's digest; undefined where the endpoint is open to all.
 * Throws `invalid_api_key`.
 * @param digest sha256 of the key in hex: a digest gives nothing away by the time that comparing takes.
 */
export function clientOf(keys: RouterConfig['keys'], digest: string | undefined): string | undefined {
  if (keys.length === 0) return undefined;
  const known = keys.find(({ sha256 }) => sha256 === digest);
  if (known) return known.id;
  const message =
    digest === undefined
      ? 'authorization: it is missing; send "Authorization: Bearer KEY" with a key of this endpoint.'
      : 'authorization: the key is not known here. Ask whoever runs this endpoint for one.';
  throw new FleetError('invalid_api_key', message);
}
