import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';

/** What every route finds: the request's name and when it came, and Node's own request and response. */
export type Env = { Bindings: HttpBindings; Variables: { requestId: string; startedMs: number } };
export type App = Hono<Env>;
export type RouteContext = Context<Env>;
