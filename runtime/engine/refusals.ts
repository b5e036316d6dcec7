import { FleetError } from '@qwenfleet/core/errors';

/** What every engine says to a request that it does not finish. */
export const cancelled = (): FleetError => new FleetError('cancelled', 'The request was cancelled.');
/** To one that comes while the engine is drained. */
export const closed = (): FleetError =>
  new FleetError('shutting_down', 'The server is stopping and takes no new requests. Try again.');
/** To one that runs longer than a drain may take. */
export const stopping = (): FleetError => new FleetError('shutting_down', 'The server is stopping. Try again.');
