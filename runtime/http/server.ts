import { serve } from '@hono/node-server';
import type { Hono } from 'hono';

export type Listening = { url: string; close: () => void };

/** Serves the routes. Resolves once it listens; rejects when the port cannot be had. */
export function listen(app: Pick<Hono, 'fetch'>, { host, port }: { host: string; port: number }): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) => {
      resolve({ url: `http://${host}:${address.port}`, close: () => server.close() });
    });
    server.once('error', reject);
  });
}
