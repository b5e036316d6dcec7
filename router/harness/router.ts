import { systemClock } from '@qwenfleet/core/clock';
import type { PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import {
  poolConfigSchema,
  routerConfigSchema,
  type PoolConfig,
  type RouterConfig,
} from '@qwenfleet/core/fleet/router-config';
import { silentLogger, type Logger } from '@qwenfleet/core/log';
import { createApp } from '../http/app.ts';
import { listen } from '../http/server.ts';
import { RouterService } from '../service.ts';

type Settings = Record<string, unknown>;

/** A pool's configuration with everything that a test does not care for. Replicas take turns, in the order in which they are given. */
export const poolOf = (settings: Settings = {}): PoolConfig =>
  poolConfigSchema.parse({
    name: 'small',
    tier: 'small',
    upstreamModel: 'up',
    engine: 'external',
    contextLength: 4096,
    costPerToken: 0.1,
    concurrency: 4,
    routing: { strategy: 'LeastLoad' },
    ...settings,
  });

export const configOf = (pools: readonly PoolConfig[], settings: Settings = {}): RouterConfig =>
  routerConfigSchema.parse({ listen: { port: 0 }, logLevel: 'silent', ...settings, pools });

/** Servers by address, which is their name where they have no other. */
export type Server = string | { url: string; id?: string; revision?: string; state?: 'ready' | 'draining' };

export const endpointsOf = (servers: readonly Server[], rest: Partial<PoolEndpoints> = {}): PoolEndpoints => ({
  endpoints: servers.map((server) => {
    const given = typeof server === 'string' ? { url: server } : server;
    return { id: given.url, state: 'ready' as const, ...given };
  }),
  desired: servers.length,
  starting: 0,
  wakeable: false,
  ...rest,
});

export type TestRouter = {
  url: string;
  service: RouterService;
  woken: string[];
  /** Tells the router of servers, pool by pool. */
  tell: (pools: Record<string, PoolEndpoints>) => void;
  post: (path: string, body: unknown, init?: RequestInit) => Promise<Response>;
  chat: (settings?: Settings, init?: RequestInit) => Promise<Response>;
  close: () => Promise<void>;
};

/** A router that listens on a free port, with pools of these servers. */
export async function startRouter(
  pools: readonly { config?: Settings; servers: readonly Server[] }[],
  settings: Settings = {},
  log: Logger = silentLogger,
): Promise<TestRouter> {
  const configs = pools.map(({ config }) => poolOf(config));
  const woken: string[] = [];
  const service = new RouterService({
    config: configOf(configs, settings),
    clock: systemClock,
    rng: Math.random,
    log,
    onWake: (pool) => woken.push(pool),
  });
  let generation = 0;
  const tell = (seen: Record<string, PoolEndpoints>): void =>
    service.fleet.update({ generation: (generation += 1), pools: seen });
  tell(Object.fromEntries(configs.map(({ name }, at) => [name, endpointsOf(pools[at]?.servers ?? [])])));
  const { url, close } = await listen(createApp(service), { host: '127.0.0.1', port: 0 });
  const post: TestRouter['post'] = (path, body, init = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
      headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string> | undefined) },
    });
  return {
    url,
    service,
    woken,
    tell,
    post,
    chat: (fields = {}, init = {}) =>
      post('/v1/chat/completions', { model: 'small', messages: [{ role: 'user', content: 'Hello' }], ...fields }, init),
    close: async () => {
      close();
      await service.agent.close();
    },
  };
}

/** Polls until it is so. */
export async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Several turns of the event loop, for what needs no time but some. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
