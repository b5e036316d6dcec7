import {
  createServer as createHttp1,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import type { Hono } from 'hono';
import type { Env } from './context.ts';
import { refusal, type Refusal } from './error-response.ts';
import { whenHttp2 } from './preface.ts';

export type Listening = { url: string; close: () => void };

/** A client has this long for its headers, for its whole request, and between two requests on one connection. */
const limits = {
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  // Longer than what load balancers keep, so that it is they who close an idle connection.
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
} as const;
/** Requests at the same time on one connection of HTTP/2. */
const streamsMax = 256;
/** What a request without a Host, as HTTP/1.0 sends it, is taken to be for: nothing here depends on the name. */
const hostWithout = 'router';

type Listener = ReturnType<typeof getRequestListener>;

/**
 * Serves the routes over HTTP/1.1, and over HTTP/2 in clear text to clients that begin with its preface (RFC 9113, 3.3).
 * Resolves once it listens; rejects when the port cannot be had.
 */
export function listen(app: Hono<Env>, { host, port }: { host: string; port: number }): Promise<Listening> {
  const listener = getRequestListener(app.fetch, {
    hostname: hostWithout,
    errorHandler: (thrown) => {
      const { status, headers, body } = refusal(thrown instanceof RequestError ? notHttp() : asFleetError(thrown));
      return new Response(body, { status, headers });
    },
  });
  const http2 = serveHttp2(listener);
  const server = serveHttp1(listener, http2.server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : port;
      const name = host.includes(':') ? `[${host}]` : host;
      const close = (): void => {
        server.close();
        http2.close();
      };
      resolve({ url: `http://${name}:${bound}`, close });
    });
  });
}

function serveHttp1(listener: Listener, http2: Http2Server): Server {
  // Node's own answer to a request without a Host is empty, so that check is made here.
  const server = createHttp1({ ...limits, requireHostHeader: false }, (incoming, outgoing) => {
    if (incoming.httpVersion === '1.1' && incoming.headers.host === undefined)
      return answerWith(outgoing, refusal(new FleetError('invalid_request', 'host: the header is missing. Send it.')));
    return void listener(incoming, outgoing);
  });
  server.on('clientError', refuse);
  server.on('checkExpectation', (_incoming: IncomingMessage, outgoing: ServerResponse) =>
    answerWith(outgoing, refusal(unexpected(), 417)),
  );
  server.on('connect', (_incoming: IncomingMessage, socket: Socket) => endWith(socket, refusal(noTunnel())));
  const http1Listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) =>
    whenHttp2(socket, limits.headersTimeout, (isHttp2) => {
      if (isHttp2) http2.emit('connection', socket);
      else for (const take of http1Listeners) Reflect.apply(take, server, [socket]);
    }),
  );
  return server;
}

function serveHttp2(listener: Listener): { server: Http2Server; close: () => void } {
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2({ settings: { maxConcurrentStreams: streamsMax } }, (incoming, outgoing) => {
    const late = setTimeout(() => incoming.stream.close(), limits.requestTimeout);
    for (const over of ['end', 'close'] as const) incoming.once(over, () => clearTimeout(late));
    void listener(incoming, outgoing);
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setTimeout(limits.keepAliveTimeout, () => session.close());
  });
  // A connection that breaks has no request to answer; those that it carried are told by their own signals.
  server.on('sessionError', () => undefined);
  return {
    server,
    close: () => {
      for (const session of sessions) session.close();
    },
  };
}

const notHttp = (): FleetError => new FleetError('invalid_request', 'The request is not valid HTTP.');
const unexpected = (): FleetError =>
  new FleetError('invalid_request', 'expect: only "100-continue" can be expected. Leave the header out.');
const noTunnel = (): FleetError =>
  new FleetError('method_not_allowed', 'CONNECT is not possible: this is no proxy to elsewhere. Use POST or GET.');

/** What is no HTTP is told so in the shape of any other error. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  endWith(socket, parserErrors[error.code ?? '']?.() ?? refusal(notHttp()));
}

const parserErrors: Readonly<Record<string, () => Refusal>> = {
  HPE_HEADER_OVERFLOW: () => refusal(new FleetError('invalid_request', 'The headers are too large. Send fewer.'), 431),
  ERR_HTTP_REQUEST_TIMEOUT: () =>
    refusal(new FleetError('request_timeout', 'The request did not arrive in time. Send it again.')),
};

const answerWith = (outgoing: ServerResponse, { status, headers, body }: Refusal): void =>
  void outgoing.writeHead(status, { ...headers, connection: 'close' }).end(body);

function endWith(socket: Socket, { status, headers, body }: Refusal): void {
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}
