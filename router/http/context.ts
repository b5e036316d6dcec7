import type { HttpBindings } from '@hono/node-server';
import type { ClientKey } from '@qwenfleet/core/fleet/client-key';
import type { Span } from '@qwenfleet/core/telemetry/span';
import type { Context, Hono } from 'hono';
import type { Fleet } from '../fleet-view.ts';

/**
 * What every route finds: the request's name and when it came, whether a pool has it by now, its trace, and Node's own
 * request and response. Those that are not
 * public also find whose key it came with, none where the endpoint is open, and the fleet as that key sees it.
 */
export type Env = {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    startedMs: number;
    taken: boolean;
    span: Span;
    key: ClientKey | undefined;
    fleet: Fleet;
  };
};
export type App = Hono<Env>;
export type RouteContext = Context<Env>;
