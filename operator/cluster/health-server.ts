import { createServer, type Server } from 'node:http';

type Exposed = { contentType: string; body: string };

export type HealthParts = {
  expose: () => Promise<Exposed[]>;
  /** Since the last word from the API server. */
  silentMs: () => number;
};

/** The API server sends bookmarks each minute: three without one mean that restarting may help. */
const silentMsMax = 180_000;

/** /metrics, /health/live and /health/ready of the operator. */
export class HealthServer {
  readonly #server: Server;
  readonly url: string;
  #isReady = false;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async start({ host, port }: { host: string; port: number }, parts: HealthParts): Promise<HealthServer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    const health = new HealthServer(server, `http://${host}:${bound}`);
    server.on('request', (request, response) => {
      void health.#answer(request.url ?? '/', parts).then(([code, type, body]) => {
        response.writeHead(code, { 'content-type': type }).end(body);
      });
    });
    return health;
  }

  ready(): void {
    this.#isReady = true;
  }

  notReady(): void {
    this.#isReady = false;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(path: string, { expose, silentMs }: HealthParts): Promise<[number, string, string]> {
    const json = 'application/json';
    if (path === '/metrics') {
      const parts = await expose();
      return [200, parts[0]?.contentType ?? 'text/plain', parts.map(({ body }) => body).join('\n')];
    }
    if (path === '/health/ready')
      return this.#isReady ? [200, json, '{"status":"ok"}'] : [503, json, '{"status":"starting"}'];
    if (path !== '/health/live') return [404, json, '{}'];
    const silent = silentMs();
    return silent < silentMsMax
      ? [200, json, '{"status":"ok"}']
      : [503, json, JSON.stringify({ status: 'silent', silentMs: Math.round(silent) })];
  }
}
