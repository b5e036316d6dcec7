import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CredentialReader } from '@qwenfleet/kube/connection/credentials';
import { Agent, request as forward, type Dispatcher } from 'undici';
import { Faults, type Fault, type ProxyRequest, type Rule } from './api-proxy/faults.ts';
import { OpenWatch, type Mischief } from './api-proxy/open-watch.ts';

export type { Fault, ProxyRequest } from './api-proxy/faults.ts';

/** Headers that belong to one connection, not to the message. */
const hopHeaders = ['connection', 'host', 'keep-alive', 'transfer-encoding', 'content-length', 'expect'];

export type ApiProxyOptions = {
  /** Of the real API server. */
  kubeconfig: string;
  /** Speaks TLS with these, as for kubectl, which sends no token in the clear; plain HTTP without. */
  tls?: { certFile: string; keyFile: string };
  /** What the server is told that its client is called, so that its audit log tells processes of one user apart. */
  userAgent?: string;
};

/**
 * A reverse proxy in front of a real API server, which does to requests and watches what networks and servers do on
 * their bad days. One for each process under test, so that one can be cut off and another not.
 *
 *     const proxy = await ApiProxy.start({ kubeconfig: cluster.kubeconfig });
 *     proxy.inject({ kind: 'answer', status: 429, retryAfterSeconds: 1 }, { when: ({ method }) => method === 'PATCH', times: 3 });
 *     ... something that uses proxy.kubeconfig
 */
export class ApiProxy {
  /** The same user on the same server, by way of this proxy. */
  readonly kubeconfig: string;
  /** Everything that came, refused or not. */
  readonly requests: ProxyRequest[] = [];
  /** Done to all watches from now on. */
  mischief: Mischief = {};
  readonly #folder: string;
  readonly #userAgent: string | undefined;
  readonly #server: Server;
  readonly #upstream: { origin: string; agent: Agent };
  readonly #faults = new Faults();
  readonly #watches = new Set<OpenWatch>();
  #cut: { healed: Promise<void>; heal: () => void } | undefined;

  private constructor(options: ApiProxyOptions, upstream: { origin: string; agent: Agent }) {
    const { tls } = options;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server = tls
      ? createTlsServer({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }, onRequest)
      : createServer(onRequest);
    this.#upstream = upstream;
    this.#userAgent = options.userAgent;
    this.#folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-proxy-'));
    this.kubeconfig = path.join(this.#folder, 'kubeconfig');
  }

  static async start(options: ApiProxyOptions): Promise<ApiProxy> {
    const { server, tls } = await new CredentialReader({ from: 'file', file: options.kubeconfig }).read();
    const agent = new Agent({ connect: { ...(tls as object) }, headersTimeout: 0, bodyTimeout: 0 });
    const proxy = new ApiProxy(options, { origin: server, agent });
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.#server.address() as AddressInfo;
    const url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
    writeFileSync(proxy.kubeconfig, readFileSync(options.kubeconfig, 'utf8').replaceAll(server, url), { mode: 0o600 });
    return proxy;
  }

  get watches(): readonly OpenWatch[] {
    return [...this.#watches];
  }

  /** Returns a function that takes the fault away again. */
  inject(fault: Fault, options: { when?: Rule['when']; times?: number } = {}): () => void {
    return this.#faults.add(fault, options);
  }

  /** Nothing passes in either direction, and no connection breaks, until `heal`: then what is still wanted goes on. */
  partition(): void {
    const { promise: healed, resolve: heal } = Promise.withResolvers<void>();
    this.#cut ??= { healed, heal };
  }

  heal(): void {
    this.#cut?.heal();
    this.#cut = undefined;
    this.#faults.clear();
  }

  async stop(): Promise<void> {
    this.heal();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#upstream.agent.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', 'http://proxy');
    const isWatch = url.searchParams.get('watch') === 'true' || url.searchParams.get('watch') === '1';
    const { method = 'GET' } = incoming;
    const seen = { method, path: url.pathname, query: url.searchParams, isWatch, atMs: performance.now() };
    this.requests.push(seen);
    const left = new AbortController();
    response.on('close', () => left.abort());
    try {
      const body = await readBody(incoming);
      const fault = this.#faults.take(seen);
      if (fault && !(await passes(fault, response))) return;
      await this.#cut?.healed;
      if (left.signal.aborted) return;
      await this.#forward({ incoming, body, isWatch, signal: left.signal }, response);
    } catch {
      // The server broke off, or the client did: so does the proxy.
      response.socket?.resetAndDestroy();
    }
  }

  async #forward(
    of: { incoming: IncomingMessage; body: Buffer; isWatch: boolean; signal: AbortSignal },
    response: ServerResponse,
  ): Promise<void> {
    const { incoming, body, isWatch, signal } = of;
    const answer = await forward(`${this.#upstream.origin}${incoming.url ?? '/'}`, {
      dispatcher: this.#upstream.agent,
      // Node has parsed it, so it is one of the methods that HTTP has.
      method: incoming.method as Dispatcher.HttpMethod,
      headers: { ...withoutHop(incoming.headers), ...(this.#userAgent && { 'user-agent': this.#userAgent }) },
      body: body.length === 0 ? null : body,
      signal,
    });
    await this.#cut?.healed;
    response.writeHead(answer.statusCode, withoutHop(answer.headers));
    response.flushHeaders();
    if (isWatch && answer.statusCode === 200) return this.#relayWatch(incoming.url ?? '/', answer.body, response);
    for await (const chunk of answer.body) {
      await this.#cut?.healed;
      response.write(chunk);
    }
    response.end();
  }

  async #relayWatch(url: string, body: Dispatcher.ResponseData['body'], response: ServerResponse): Promise<void> {
    const watch = new OpenWatch(url, response, () => this.mischief);
    this.#watches.add(watch);
    try {
      // An encoding keeps characters whole that come in two pieces, and makes the chunks strings.
      for await (const chunk of body.setEncoding('utf8')) {
        await this.#cut?.healed;
        watch.take(String(chunk));
      }
      watch.end();
    } finally {
      this.#watches.delete(watch);
    }
  }
}

/** Does what the fault says; says whether the request goes on to the server all the same. */
async function passes(fault: Fault, response: ServerResponse): Promise<boolean> {
  if (fault.kind === 'delay') {
    await sleep(fault.ms);
    return true;
  }
  if (fault.kind === 'reset') response.socket?.resetAndDestroy();
  if (fault.kind === 'answer') {
    const { status: code, retryAfterSeconds, reason = 'Injected' } = fault;
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds));
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: 'injected' }),
    );
  }
  return false;
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const withoutHop = (headers: Record<string, string | string[] | undefined>): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hopHeaders.includes(name) ? [] : [[name, value]],
    ),
  );
