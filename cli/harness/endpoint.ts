import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { encodeSse, sseDone } from '@qwenfleet/core/openai/sse';

export type Seen = { path: string; body: Record<string, unknown>; authorization: string | undefined };

export type TestEndpoint = {
  url: string;
  /** Requests so far, in order. */
  seen: Seen[];
  /** Requests whose client went away before the end. */
  dropped: () => number;
  close: () => Promise<void>;
};

export type Script = {
  /** What an answer says, piece by piece. */
  pieces?: string[];
  thoughts?: string[];
  /** How the stream ends after its pieces. */
  ending?: 'done' | 'error' | 'cut' | 'never';
  key?: string;
};

const pool = (name: string, tier: string, status: string, ready: number) => ({
  name,
  tier,
  status,
  ready,
  desired: ready,
  starting: 0,
  inFlight: 1,
  held: 0,
  description: `SmolLM2-135M-Instruct ${tier}`,
  costPerToken: 0.25,
});
const objectives = { availability: 99, ttftMsP95: 2_000, windowMs: 86_400_000 };
const replicas = [{ pool: 'small', id: 'small-1', state: 'ready', inFlight: 1 }];
export const pools = [
  { ...pool('small', 'small', 'ready', 1), objectives },
  pool('large', 'large', 'scaled-to-zero', 0),
];

export const explanation = {
  pool: 'small',
  reason: 'best-value',
  words: 'small: a short factual question',
  pools: [
    { name: 'small', p: 0.914, cost: 0.25, waitMs: 0, eligible: true, why: 'best value' },
    { name: 'large', p: 0.96, cost: 1, waitMs: 4200, eligible: true },
  ],
  features: { simpleAsk: 1, length: 2.58, proof: 0 },
};

const models = {
  object: 'list',
  data: [
    { id: 'auto', object: 'model' },
    { id: 'small', object: 'model', pool: 'small', tier: 'small', status: 'ready', context_length: 2048 },
  ],
};

/** A server that speaks the endpoint's HTTP, as far as the commands need it. */
export async function serveEndpoint(script: Script = {}): Promise<TestEndpoint> {
  const seen: Seen[] = [];
  let dropped = 0;
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const path = request.url ?? '';
      seen.push({ path, body, authorization: request.headers.authorization });
      response.on('close', () => (dropped += response.writableFinished ? 0 : 1));
      if (script.key !== undefined && request.headers.authorization !== `Bearer ${script.key}`) {
        return json(response, 401, {
          error: { message: 'The key is missing.', type: 'x', param: null, code: 'invalid_api_key' },
        });
      }
      if (path === '/v1/pools') return json(response, 200, { pools });
      if (path === '/v1/replicas') return json(response, 200, { replicas });
      if (path === '/v1/models') return json(response, 200, models);
      if (path === '/v1/route/explain') return json(response, 200, explanation);
      if (path === '/v1/chat/completions') return answer(response, body, script);
      return json(response, 404, {
        error: { message: `There is no ${path}.`, type: 'x', param: null, code: 'not_found' },
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    dropped: () => dropped,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function answer(response: ServerResponse, body: Record<string, unknown>, script: Script): Promise<void> {
  if (body['model'] === 'nothing') {
    return json(response, 404, {
      error: { message: 'model: there is no "nothing".', type: 'x', param: 'model', code: 'model_not_found' },
    });
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'x-qwenfleet-pool': 'small',
    'x-qwenfleet-decision': 'best-value',
  });
  const chunk = (delta: object, finish: string | null = null): string =>
    encodeSse({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }], usage: null });
  for (const thought of script.thoughts ?? []) await write(response, chunk({ reasoning_content: thought }));
  const pieces = script.pieces ?? ['The capital', ' of France', ' is Paris.'];
  for (const piece of pieces) await write(response, chunk({ role: 'assistant', content: piece }));
  const ending = script.ending ?? 'done';
  if (ending === 'never') return;
  if (ending === 'cut') return void response.end();
  if (ending === 'error') {
    await write(response, encodeSse({ error: { message: 'The pool lost its process.', code: 'upstream_failed' } }));
  } else {
    await write(response, chunk({}, 'stop'));
    const usage = { prompt_tokens: 7, completion_tokens: pieces.length, total_tokens: 7 + pieces.length };
    await write(response, encodeSse({ id: 'c', choices: [], usage }));
  }
  response.end(sseDone);
}

const write = (response: ServerResponse, text: string): Promise<void> =>
  new Promise((resolve) => {
    response.write(text);
    setTimeout(resolve, 4);
  });

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
