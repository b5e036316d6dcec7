import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import type { ScrapeTarget } from './scrape-targets.ts';

/** What the file of a running fleet says; only its owner can read it. */
export type ControlFile = { url: string; control: string; token: string; pid: number };

/** Where a fleet on that port leaves its address. */
export const controlFileOf = (stateDir: string, port: number): string => path.join(stateDir, `fleet-${port}.json`);

export type ControlParts = {
  /** For `qwenfleet status`: only who has the token sees it. */
  status: () => unknown;
  /** Of the operator. Numbers without prompts or keys in them, so whoever is on this machine sees them. */
  metrics: () => Promise<{ contentType: string; body: string }>;
  /** Where Prometheus finds all processes of the fleet, this one among them. */
  targets: (ownUrl: string) => readonly ScrapeTarget[];
  /** A free one when left out. */
  port?: number | undefined;
};

type Answer = { code: number; contentType: string; body: string };

const json = (code: number, body: unknown): Answer => ({
  code,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

/**
 * Answers `qwenfleet status` on this machine, by an address and a token in a file that only its owner can read; and
 * Prometheus, which needs neither: `/metrics` of the operator, `/targets` for all that there is to scrape.
 */
export class ControlServer {
  readonly #server: Server;
  readonly #file: string;

  private constructor(server: Server, file: string) {
    this.#server = server;
    this.#file = file;
  }

  static async start(stateDir: string, url: string, parts: ControlParts): Promise<ControlServer> {
    const token = randomBytes(24).toString('base64url');
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(parts.port ?? 0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const control = `http://127.0.0.1:${port}`;
    const wanted = Buffer.from(`Bearer ${token}`);
    const answer = async (path: string | undefined, authorization: string): Promise<Answer> => {
      if (path === '/metrics') return { code: 200, ...(await parts.metrics()) };
      if (path === '/targets') return json(200, parts.targets(control));
      const given = Buffer.from(authorization);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return json(401, {});
      return path === '/status' ? json(200, parts.status()) : json(404, {});
    };
    server.on('request', (request, response) => {
      void answer(request.url, request.headers.authorization ?? '').then(({ code, contentType, body }) =>
        response.writeHead(code, { 'content-type': contentType }).end(body),
      );
    });
    const file = controlFileOf(stateDir, Number(new URL(url).port));
    mkdirSync(stateDir, { recursive: true });
    const content: ControlFile = { url, control, token, pid: process.pid };
    // A file that is there already would keep its mode.
    rmSync(file, { force: true });
    writeFileSync(file, JSON.stringify(content), { mode: 0o600 });
    return new ControlServer(server, file);
  }

  stop(): void {
    rmSync(this.#file, { force: true });
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
