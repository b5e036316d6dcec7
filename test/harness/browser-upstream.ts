import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';

/** What the next answers say, and how. */
export type Script = {
  pieces: string[];
  thoughts?: string[];
  everyMs?: number;
  /** `cut` drops the connection after the last piece, as a process that dies does. */
  ending?: 'done' | 'cut';
};

export type Upstream = {
  url: string;
  say: (script: Script) => void;
  /** Answers that are being given now. */
  running: () => number;
  close: () => Promise<void>;
};

/** A model server that says what a test tells it to: OpenAI's API as far as a pool needs it. */
export async function serveUpstream(): Promise<Upstream> {
  let script: Script = { pieces: ['Hello.'] };
  let running = 0;
  const server = createServer((request, response) => {
    if (!request.url?.endsWith('/chat/completions')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'model', object: 'model' }], status: 'ok' }));
      return;
    }
    running += 1;
    response.on('close', () => (running -= 1));
    void drain(request).then(() => answer(response, script));
  });
  const url = await listen(server);
  return {
    url,
    say: (next) => (script = next),
    running: () => running,
    close: () => close(server),
  };
}

async function drain(request: IncomingMessage): Promise<void> {
  for await (const _ of request);
}

async function answer(
  response: ServerResponse,
  { pieces, thoughts = [], everyMs = 10, ending = 'done' }: Script,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'model' };
  const send = async (delta: object, finish: string | null = null): Promise<void> => {
    response.write(
      encodeSse({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null }),
    );
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  };
  for (const thought of thoughts)
    if (!response.destroyed) await send({ role: 'assistant', reasoning_content: thought });
  for (const piece of pieces) if (!response.destroyed) await send({ role: 'assistant', content: piece });
  if (ending === 'cut') return void response.destroy();
  await send({}, 'stop');
  const usage = { prompt_tokens: 5, completion_tokens: pieces.length, total_tokens: 5 + pieces.length };
  response.end(encodeSse({ ...base, choices: [], usage }) + sseDone);
}

/** Listens on a free port of this machine. */
export function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
    });
  });
}

export const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
