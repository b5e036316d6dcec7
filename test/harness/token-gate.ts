import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { close, listen } from './browser-upstream.ts';

export type TokenGate = {
  url: string;
  /** Every authorization that came, in order. */
  seen: (string | undefined)[];
  /** Headers of what was let through. */
  passed: Record<string, unknown>[];
  close: () => Promise<void>;
};

/** Stands in front of a model server and lets nobody through without the token, as hosted servers do. */
export async function serveTokenGate(target: string, token: string): Promise<TokenGate> {
  const seen: (string | undefined)[] = [];
  const passed: Record<string, unknown>[] = [];
  const pass = (incoming: IncomingMessage, response: ServerResponse): void => {
    seen.push(incoming.headers.authorization);
    if (incoming.headers.authorization !== `Bearer ${token}`) {
      const error = {
        message: `Incorrect API key: ${incoming.headers.authorization}`,
        type: 'x',
        param: null,
        code: 'x',
      };
      return void response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    }
    passed.push(incoming.headers);
    const { pathname, hostname, port } = new URL(incoming.url ?? '/', target);
    const headers = { ...incoming.headers, host: `${hostname}:${port}` };
    const onward = request({ hostname, port, path: pathname, method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  const server = createServer(pass);
  return { url: await listen(server), seen, passed, close: () => close(server) };
}
