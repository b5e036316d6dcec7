import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type Received = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: unknown;
};
/** What to answer: JSON with a status, a broken connection, silence, or whatever a function does with the response. */
export type Answer =
  | { status?: number; headers?: Record<string, string>; json: unknown }
  | 'reset'
  | 'hang'
  | ((response: ServerResponse, received: Received) => void);

/** A real HTTP server with scripted answers, for what a real API server does only on a bad day. */
export class ScriptedApi {
  readonly received: Received[] = [];
  /** Answers of the next requests, one each; then `otherwise`. */
  script: Answer[] = [];
  otherwise: Answer = { json: { kind: 'ConfigMap', metadata: { name: 'x', namespace: 'a', resourceVersion: '1' } } };
  readonly folder = mkdtempSync(path.join(tmpdir(), 'kube-test-'));
  connections = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', () => (this.connections += 1));
  }

  static async start(): Promise<ScriptedApi> {
    const api = new ScriptedApi();
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    // A server that listens on a port has an address of this shape.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Writes a kubeconfig for it, and says where. `user` and `cluster` are YAML. */
  kubeconfig(user = '{token: first}', cluster = `{server: "${this.url}"}`): string {
    const file = path.join(this.folder, 'kubeconfig');
    const text = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: ${cluster}}]
users: [{name: u, user: ${user}}]
contexts:
- {name: main, context: {cluster: c, user: u, namespace: team}}
- {name: other, context: {cluster: c, user: u}}
current-context: main
`;
    writeFileSync(file, text);
    return file;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const url = new URL(request.url ?? '/', 'http://x');
    const text = Buffer.concat(parts).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const { method = '', headers } = request;
    const received = { method, path: url.pathname, query: url.searchParams, headers, body };
    this.received.push(received);
    const answer = this.script.shift() ?? this.otherwise;
    if (answer === 'hang') return;
    if (answer === 'reset') request.socket.resetAndDestroy();
    else if (typeof answer === 'function') answer(response, received);
    else response.writeHead(answer.status ?? 200, answer.headers).end(JSON.stringify(answer.json));
  }
}

export const status = (code: number, more: object = {}): Extract<Answer, { json: unknown }> => ({
  status: code,
  json: { kind: 'Status', code, message: `refused with ${code}`, ...more },
});

/** What an API server answers to a create or an update that it takes. */
export const echo = (response: ServerResponse, { body }: Received): void => {
  response.end(JSON.stringify(body));
};
