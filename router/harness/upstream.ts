import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';

/** One request as a model server got it. */
export type Call = {
  path: string;
  headers: IncomingHttpHeaders;
  /** The body, byte for byte. */
  text: string;
  response: ServerResponse;
};

export type Script = (call: Call, number: number) => void | Promise<void>;

/** Any free port where none is given. */
export type Place = { host: string; port?: number };

export type Upstream = {
  url: string;
  calls: Call[];
  /** Answers that are open now. */
  running: () => number;
  /** What the next requests get. */
  script: (next: Script) => void;
  close: () => Promise<void>;
};

/** A model server whose every answer a test writes itself. */
export async function serveUpstream(
  script: Script = completes(),
  at: Place = { host: '127.0.0.1' },
): Promise<Upstream> {
  let current = script;
  let running = 0;
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    running += 1;
    response.once('close', () => (running -= 1));
    void bodyOf(request).then((text) => {
      const call = { path: request.url ?? '', headers: request.headers, text, response };
      calls.push(call);
      return current(call, calls.length);
    });
  });
  return {
    url: await listen(server, at),
    calls,
    running: () => running,
    script: (next) => (current = next),
    close: () => close(server),
  };
}

/** An answer that is not streamed. */
export const answers =
  (status: number, body: unknown, headers: Record<string, string> = {}): Script =>
  ({ response }) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };

export const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'up',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
};

/** Streams when asked to, otherwise answers whole. */
export const completes =
  (pieces: readonly string[] = ['Hel', 'lo.']): Script =>
  async (call, number) => {
    if (!wantsStream(call)) return answers(200, completion)(call, number);
    beginStream(call.response);
    for (const piece of pieces) call.response.write(chunk({ content: piece }));
    call.response.end(chunk({}, 'stop') + sseDone);
  };

export const refuses =
  (status: number, headers: Record<string, string> = {}): Script =>
  (call, number) =>
    answers(
      status,
      { error: { message: `status ${status}`, type: 'server_error', param: null, code: 'x' } },
      headers,
    )(call, number);

/** Resets the connection before a byte of an answer. */
export const hangsUp: Script = ({ response }) => void response.socket?.resetAndDestroy();

/** Says nothing at all. */
export const saysNothing: Script = () => undefined;

export const wantsStream = ({ text }: Call): boolean => (JSON.parse(text) as { stream?: boolean }).stream === true;

export const beginStream = (response: ServerResponse): void =>
  void response.writeHead(200, { 'content-type': 'text/event-stream' });

/** One event of a chat stream. */
export const chunk = (delta: object, finish: string | null = null): string =>
  encodeSse({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'up',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  });

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function listen(server: Server, { host, port = 0 }: Place): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(`http://${host}:${typeof address === 'object' && address !== null ? address.port : 0}`);
    });
  });
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });

/** An address where nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer();
  const url = await listen(server, { host: '127.0.0.1' });
  await close(server);
  return url;
}
