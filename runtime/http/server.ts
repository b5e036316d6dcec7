import { isIPv6 } from 'node:net';
import type { Server } from 'node:http';
import { serve } from '@hono/node-server';
import type { Hono } from 'hono';

export type Listening = {
  url: string;
  /** Takes no new connections, and waits until the answers that are on their way have arrived, or the time is over. */
  close: (withinMs: number) => Promise<void>;
};

/** Serves the routes. Resolves once it listens; rejects when the port cannot be had. */
export function listen(app: Pick<Hono, 'fetch'>, { host, port }: { host: string; port: number }): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) => {
      // It listens: what follows concerns single connections, and is no reason to end.
      server.removeListener('error', reject).on('error', () => undefined);
      const name = isIPv6(host) ? `[${host}]` : host;
      // HTTP/1.1 without certificates is all that is asked of the library here.
      resolve({ url: `http://${name}:${address.port}`, close: (withinMs) => closed(server as Server, withinMs) });
    });
    server.once('error', reject);
  });
}

function closed(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), withinMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
