import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { FleetError, toOpenAiError } from '@qwenfleet/core/errors';
import type { Hono } from 'hono';
import type { Env } from './context.ts';

export type Listening = { url: string; close: () => void };

/** A client has this long for its headers, for its whole request, and between two requests on one connection. */
const limits = {
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  // Longer than what load balancers keep, so that it is they who close an idle connection.
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
} as const;

/** Serves the routes. Resolves once it listens; rejects when the port cannot be had. */
export function listen(app: Hono<Env>, { host, port }: { host: string; port: number }): Promise<Listening> {
  // No HTTP/2 is asked for, so this is Node's own HTTP server.
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions: { ...limits } }) as Server;
  server.on('clientError', refuse);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      const name = host.includes(':') ? `[${host}]` : host;
      resolve({ url: `http://${name}:${bound}`, close: () => server.close() });
    });
  });
}

/** What is no HTTP is told so in the shape of any other error. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, words] = parserErrors.get(error.code ?? '') ?? ['400 Bad Request', 'The request is not valid HTTP.'];
  const body = JSON.stringify(toOpenAiError(new FleetError('invalid_request', words)));
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

const parserErrors: ReadonlyMap<string, [status: string, words: string]> = new Map([
  ['HPE_HEADER_OVERFLOW', ['431 Request Header Fields Too Large', 'The headers are too large. Send fewer.']],
  ['ERR_HTTP_REQUEST_TIMEOUT', ['408 Request Timeout', 'The request did not arrive in time. Send it again.']],
]);
