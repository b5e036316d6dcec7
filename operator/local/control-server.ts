import { randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import path from 'node:path';

/** What the file of a running fleet says; only its owner can read it. */
export type ControlFile = { url: string; control: string; token: string; pid: number };

/** Where a fleet on that port leaves its address. */
export const controlFileOf = (stateDir: string, port: number): string => path.join(stateDir, `fleet-${port}.json`);

/** Answers `qwenfleet status` on this machine: an address and a token in a file that only its owner can read. */
export class ControlServer {
  readonly #server: Server;
  readonly #file: string;

  private constructor(server: Server, file: string) {
    this.#server = server;
    this.#file = file;
  }

  static async start(stateDir: string, url: string, status: () => unknown): Promise<ControlServer> {
    const token = randomBytes(24).toString('base64url');
    const wanted = Buffer.from(`Bearer ${token}`);
    const server = createServer((request, response) => {
      const given = Buffer.from(request.headers.authorization ?? '');
      const known = given.length === wanted.length && timingSafeEqual(given, wanted);
      const [code, body] = !known ? [401, {}] : request.url === '/status' ? [200, status()] : [404, {}];
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const file = controlFileOf(stateDir, Number(new URL(url).port));
    mkdirSync(stateDir, { recursive: true });
    const content: ControlFile = { url, control: `http://127.0.0.1:${port}`, token, pid: process.pid };
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
