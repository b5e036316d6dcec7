import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import path from 'node:path';
import { root } from '../house/imports.ts';
import { close, listen, serveUpstream, type Script } from './browser-upstream.ts';

export type PlaygroundServer = {
  url: string;
  say: (script: Script) => void;
  running: () => number;
  poolRequests: () => number;
  close: () => Promise<void>;
};

const names = ['small', 'medium', 'large'];

/** The page on a server that keeps the router's contract. */
export async function servePlayground(): Promise<PlaygroundServer> {
  const upstream = await serveUpstream();
  let asked = 0;
  const page = readFileSync(path.join(root, 'router/playground/index.html'));
  const server = createServer((request, response) => {
    const json = (body: unknown): void =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.url === '/') return void response.writeHead(200, { 'content-type': 'text/html' }).end(page);
    if (request.url === '/v1/pools') {
      asked += 1;
      return json({
        pools: names.map((name) => ({
          name,
          tier: name,
          status: name === 'large' ? 'scaled-to-zero' : 'ready',
          ready: 1,
          desired: 1,
          starting: 0,
          inFlight: 0,
          held: 0,
          description: `A model ${name}`,
          costPerToken: 1,
        })),
      });
    }
    if (request.url === '/v1/models') return json({ data: names.map((id) => ({ id, pool: id })) });
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const prompt: string = JSON.parse(text).messages.at(-1).content;
      const pool = /prove|program|python/i.test(prompt) ? 'large' : 'small';
      if (request.url === '/v1/route/explain') {
        return json({
          pool,
          reason: 'best-value',
          words: 'this is a sentence of more than five words',
          pools: names.map((name) => ({ name, p: 0.9, cost: 1, waitMs: 0, eligible: true })),
          features: { length: 3.2, proof: pool === 'large' ? 1 : 0 },
        });
      }
      const abort = new AbortController();
      response.on('close', () => abort.abort());
      void fetch(`${upstream.url}/v1/chat/completions`, { method: 'POST', body: text, signal: abort.signal }).then(
        (answer) => {
          response.writeHead(200, { 'content-type': 'text/event-stream', 'x-qwenfleet-pool': pool });
          Readable.fromWeb(answer.body as never)
            .on('error', () => response.end())
            .pipe(response);
        },
      );
    });
  });
  const url = await listen(server);
  return {
    url,
    say: upstream.say,
    running: upstream.running,
    poolRequests: () => asked,
    close: async () => {
      await close(server);
      await upstream.close();
    },
  };
}
