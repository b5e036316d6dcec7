import type { FleetError } from '@qwenfleet/core/errors';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { PoolReport } from '@qwenfleet/core/load/pool-report';

/** What a discovery tells the router. Both lists come whole each time; the newest holds. */
export type Heard = {
  config: (config: RouterConfig) => void;
  /** A configuration came that is not valid, with every field at fault. */
  refused: (error: FleetError) => void;
  endpoints: (snapshot: EndpointSnapshot) => void;
  /** The router is no longer wanted: `drain` lets it finish what runs, `now` does not. */
  stop: (how: 'drain' | 'now') => void;
};

/**
 * Where a router's configuration and endpoints come from, and whom it tells of its load. The router serves on what it
 * heard last, so a discovery that has lost its source says nothing.
 */
export type Discovery = {
  name: string;
  /** True when a person starts the router at a terminal, so that Ctrl-C is for it. */
  foreground: boolean;
  /** Begins to tell; the first configuration may come at once or much later. */
  start: (heard: Heard) => void;
  /** The router answers at this address. */
  listening: (url: string) => void;
  /** The router cannot start. Resolves when that has been passed on. */
  failed: (problem: { code: string; message: string }) => Promise<void>;
  /**
   * Reports of every pool, each time something has changed and at least once a second. Left out where whoever wants to
   * know asks GET /load: then nothing is reported.
   */
  load?: (pools: Record<string, PoolReport>) => void;
  /** A request waits for a pool that has no replica. */
  wake: (pool: string) => void;
  /** Tells nothing more and keeps nothing open. */
  close: () => void;
};

/** What a discovery may be made from. */
export type DiscoveryParts = {
  /** Given with `--config`. */
  file: string | undefined;
  /** Given with `--config-secret` and `--namespace`. */
  secret: string | undefined;
  namespace: string | undefined;
  process: NodeJS.Process;
};
