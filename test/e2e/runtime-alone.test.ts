import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { loadReportSchema } from '@qwenfleet/core/load/report';
import { runtimeStatusSchema, type RuntimeStatus } from '@qwenfleet/core/load/status';
import { metrics } from '@qwenfleet/core/telemetry/names';
import { publishedCheckpoint, trainedOn } from '@qwenfleet/runtime/fixtures/checkpoint';
import { graphKey, weightsDigest } from '@qwenfleet/runtime/model/graph-cache';
import { readModel } from '@qwenfleet/runtime/model/read';
import { withLock } from '@qwenfleet/runtime/source/lock';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { post, streamChat, user, type StreamedChat } from '../harness/chat.ts';
import { eventually } from '../harness/fleet.ts';
import { descendants } from '../harness/processes.ts';
import { spawnRuntime, startRuntime, type RunningRuntime } from '../harness/runtime-process.ts';

const checkpoint = publishedCheckpoint();
const config = (changes: object = {}): object => ({
  model: { uri: `file://${checkpoint}` },
  quantization: 'float32',
  engine: { slots: 2, contextLength: 256, threads: 1 },
  ...changes,
});
/** Graphs that all of these processes share. */
const cacheDir = mkdtempSync(path.join(tmpdir(), 'qwenfleet-alone-'));

let running: RunningRuntime[] = [];
async function start(changes: object = {}, options: Parameters<typeof startRuntime>[1] = {}): Promise<RunningRuntime> {
  const runtime = await startRuntime(config(changes), { cacheDir, ...options });
  running.push(runtime);
  return runtime;
}
afterEach(async () => {
  await Promise.all(running.map((runtime) => runtime.dispose()));
  running = [];
});
afterAll(() => {
  rmSync(cacheDir, { recursive: true, force: true });
  rmSync(path.dirname(checkpoint), { recursive: true, force: true });
});

const get = async (url: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const statusOf = async (url: string): Promise<RuntimeStatus> =>
  runtimeStatusSchema.parse((await get(`${url}/admin/status`)).body);

describe('a runtime that answers', () => {
  let runtime: RunningRuntime;
  let client: OpenAI;
  beforeAll(async () => {
    runtime = await startRuntime(config(), { cacheDir });
    client = new OpenAI({ baseURL: `${runtime.url}/v1`, apiKey: 'none' });
  });
  afterAll(() => runtime.dispose());

  const messages = [user('hello')];

  it('says so at its health, its models and its load', async () => {
    for (const where of ['/health', '/health/live', '/health/ready'])
      expect(await get(runtime.url + where)).toMatchObject({ status: 200, body: { status: 'ok' } });
    const { data } = await client.models.list();
    expect(data[0]).toMatchObject({ id: 'tiny', status: 'ready', context_length: 256 });
    const { body } = await get(`${runtime.url}/load`);
    expect(loadReportSchema.strict().parse(body)).toMatchObject({
      state: 'ready',
      generation: 1,
      slots: 2,
      kvTokensMax: 512,
    });
  });

  it("answers OpenAI's client the same, whole and streamed", async () => {
    const request = { model: 'tiny', messages, temperature: 0, max_tokens: 24 };
    const whole = await client.chat.completions.create(request);
    expect(whole.usage?.prompt_tokens).toBeGreaterThan(5);
    expect(whole.usage?.completion_tokens).toBeLessThanOrEqual(24);
    const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    const last = await stream.finalChatCompletion();
    expect(last.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
    expect(last.choices[0]?.finish_reason).toBe(whole.choices[0]?.finish_reason);
    // The second prompt is the first again, whose keys and values are still there.
    const { prompt_tokens_details: cached, ...usage } = last.usage ?? {};
    expect({ ...usage, prompt_tokens_details: whole.usage?.prompt_tokens_details }).toEqual(whole.usage);
    expect(cached?.cached_tokens).toBeGreaterThan(0);
  });

  it('gives log-probabilities and choices with seeds that hold', async () => {
    const request = {
      model: 'auto',
      messages,
      max_tokens: 6,
      n: 3,
      seed: 11,
      temperature: 1,
      logprobs: true,
      top_logprobs: 4,
    };
    const [first, again] = [
      await client.chat.completions.create(request),
      await client.chat.completions.create(request),
    ];
    expect(again.choices).toEqual(first.choices);
    expect(new Set(first.choices.map(({ message }) => message.content)).size).toBeGreaterThan(1);
    for (const { logprobs } of first.choices) {
      for (const { logprob, top_logprobs: top } of logprobs?.content ?? []) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(top).toHaveLength(4);
        expect(top.map((each) => each.logprob)).toEqual(top.map((each) => each.logprob).toSorted((a, b) => b - a));
      }
    }
  });

  it('completes a text: an echo with log-probabilities of prompt and answer, for each choice', async () => {
    const request = { model: 'tiny', prompt: 'abcdef', max_tokens: 5, n: 2, echo: true, logprobs: 2, temperature: 0 };
    const { choices, usage } = await client.completions.create(request);
    expect(usage).toMatchObject({ prompt_tokens: 6 });
    for (const { text, logprobs } of choices) {
      expect(text.startsWith('abcdef')).toBe(true);
      expect(logprobs?.tokens?.slice(0, 6)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
      expect(logprobs?.text_offset?.slice(0, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(logprobs?.token_logprobs?.[0]).toBeNull();
      for (const logprob of logprobs?.token_logprobs?.slice(1) ?? []) expect(logprob).toBeLessThanOrEqual(0);
    }
    const stream = await client.completions.create({ ...request, n: 1, stream: true });
    let streamed = '';
    for await (const chunk of stream) streamed += chunk.choices[0]?.text ?? '';
    expect(streamed).toBe(choices[0]?.text);
  });

  it('scores a prompt in one chunk as it does token by token', async () => {
    const prompt = 'some quick brown fox';
    const { choices } = await client.completions.create({
      model: 'tiny',
      prompt,
      echo: true,
      logprobs: 0,
      max_tokens: 1,
      temperature: 0,
    });
    const scored = choices[0]?.logprobs?.token_logprobs ?? [];
    for (const length of [4, 9, 15]) {
      const part = await client.completions.create({
        model: 'tiny',
        prompt: prompt.slice(0, length),
        logprobs: 20,
        max_tokens: 1,
        temperature: 0,
        // Draws what the prompt goes on with, and reports what the model itself thought of it.
        logit_bias: { [prompt.charCodeAt(length) + 3]: 100 },
      });
      expect(part.choices[0]?.text).toBe(prompt[length]);
      expect(part.choices[0]?.logprobs?.token_logprobs?.[0]).toBeCloseTo(scored[length] ?? Number.NaN, 4);
    }
  });

  it('frees the slot of a client that leaves, before the first token and after it', async () => {
    for (const waitMs of [0, 40]) {
      const left = new AbortController();
      const asked = streamChat(runtime.url, { model: 'tiny', messages, max_tokens: 200 }, left.signal).catch(
        () => 'left',
      );
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      left.abort();
      await asked;
      await eventually(
        async () => loadReportSchema.parse((await get(`${runtime.url}/load`)).body),
        ({ requests, running: now, queued }) => requests + now + queued === 0,
        20_000,
      );
    }
    expect((await get(`${runtime.url}/health/live`)).status).toBe(200);
  });

  it('can be scraped: every name of the table, in a form that parses', async () => {
    const response = await fetch(`${runtime.url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const lines = (await response.text()).trim().split('\n');
    const sample =
      /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (NaN|[+-]?Inf|[+-]?[\d.]+(?:e[+-]?\d+)?)$/;
    const names = new Set<string>();
    for (const line of lines) {
      if (line.startsWith('# ') || line === '') continue;
      const [, name] = sample.exec(line) ?? [];
      expect(name, line).toBeDefined();
      names.add((name ?? '').replace(/_(bucket|sum|count)$/, ''));
    }
    const types = new Map(
      lines.flatMap((line) => [/^# TYPE (\S+) (\S+)$/.exec(line)?.slice(1) as [string, string]].filter(Boolean)),
    );
    for (const [key, { name, kind }] of Object.entries(metrics)) {
      if (!key.startsWith('runtime')) expect(types.has(name), name).toBe(false);
      else expect([types.get(name), names.has(name)], name).toEqual([kind, true]);
    }
    expect(names).toContain('process_resident_memory_bytes');
  });

  it.each<[string, string, object | string, number, string]>([
    ['a body that is no JSON', '/v1/chat/completions', '{', 400, 'invalid_json'],
    ['a model that there is not', '/v1/chat/completions', { model: 'gpt', messages }, 404, 'model_not_found'],
    [
      'more tokens than fit',
      '/v1/chat/completions',
      { model: 'tiny', messages, max_tokens: 999 },
      400,
      'context_length_exceeded',
    ],
    ['vectors', '/v1/embeddings', { model: 'tiny', input: 'x' }, 400, 'unsupported'],
    ['a route that there is not', '/v1/images', {}, 404, 'not_found'],
  ])('refuses %s with a code', async (_name, where, body, status, code) => {
    const answer = await post(runtime.url + where, body as Record<string, unknown>);
    expect(answer.status).toBe(status);
    expect(answer.body.error?.code).toBe(code);
    expect(answer.headers.get('x-request-id')).toBeTruthy();
  });

  it('says what is loaded, to this machine', async () => {
    const status = await statusOf(runtime.url);
    const digest = createHash('sha256')
      .update(readFileSync(path.join(checkpoint, 'model.safetensors')))
      .digest('hex');
    expect(status).toMatchObject({
      state: 'ready',
      hotUpdate: true,
      loaded: {
        uri: `file://${checkpoint}`,
        digest,
        family: 'qwen3',
        quantization: 'float32',
        shape: { layers: 2, hiddenSize: 64, heads: 4, vocabularySize: 384, contextLength: 256 },
      },
    });
  });
});

describe('a runtime that loads', () => {
  it('listens at once, is alive, and refuses requests until the model answers', async () => {
    const fresh = mkdtempSync(path.join(tmpdir(), 'qwenfleet-loading-'));
    const model = readModel(checkpoint);
    const key = graphKey(model, { quantization: 'float32', contextLength: 256 }, await weightsDigest(model, fresh));
    // Somebody else builds the same graph: the runtime waits for it, and this test decides how long.
    let runtime: RunningRuntime | undefined;
    await withLock(path.join(fresh, 'graphs', `${key}.lock`), undefined, async () => {
      runtime = await start({}, { cacheDir: fresh, ready: false });
      const { url } = runtime;
      expect((await get(`${url}/health/live`)).status).toBe(200);
      expect(await get(`${url}/health`)).toMatchObject({ status: 503, body: { error: { code: 'model_loading' } } });
      const refused = await post(`${url}/v1/chat/completions`, { model: 'tiny', messages: [user('x')] });
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after-ms'))).toBeGreaterThan(0);
      expect((await get(`${url}/load`)).body).toMatchObject({ state: 'loading', generation: 0 });
      expect(await statusOf(url)).toMatchObject({ state: 'loading', hotUpdate: false });
      const { data } = await new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none' }).models.list();
      expect(data[0]).toMatchObject({ status: 'starting' });
    });
    await eventually(
      () => get(`${runtime?.url}/health`),
      ({ status }) => status === 200,
      60_000,
    );
    rmSync(fresh, { recursive: true, force: true });
  });

  it('and is asked to end, ends with 0 and leaves no process behind', async () => {
    const fresh = mkdtempSync(path.join(tmpdir(), 'qwenfleet-loading-'));
    // A download that never ends: pip is held by an index that does not answer.
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const env = { PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`, PIP_RETRIES: '9' };
    const runtime = await start(
      { model: { uri: 'wheel://nothing-here@1.0/x' } },
      { cacheDir: fresh, ready: false, env },
    );
    const pid = runtime.process.pid ?? 0;
    const children = await eventually(
      async () => descendants(pid),
      (found) => found.some(({ command }) => command.includes('pip')),
      30_000,
    );
    runtime.process.kill('SIGTERM');
    expect(await runtime.exited).toBe(0);
    await eventually(
      async () =>
        children.filter(({ pid: child }) =>
          descendants(1).some((each) => each.pid === child && /pip/.test(each.command)),
        ),
      (left) => left.length === 0,
      20_000,
    );
    silent.close();
    rmSync(fresh, { recursive: true, force: true });
  });
});

describe('a runtime that cannot load', () => {
  async function lastWords(
    changes: object,
  ): Promise<{ code: number | null; word: unknown; log: Record<string, unknown>[] }> {
    const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-word-'));
    const file = path.join(folder, 'termination-log');
    const runtime = spawnRuntime(config(changes), { cacheDir, env: { QWENFLEET_TERMINATION_LOG: file } });
    const code = await runtime.exited;
    const word: unknown = JSON.parse(readFileSync(file, 'utf8'));
    await runtime.dispose();
    rmSync(folder, { recursive: true, force: true });
    return { code, word, log: runtime.log() };
  }

  it.each<[string, object, string, RegExp]>([
    ['a model that is not there', { model: { uri: 'file:///no/such/model' } }, 'source_not_found', /no model/],
    [
      'a digest that is another',
      { model: { uri: `file://${checkpoint}`, sha256: '0'.repeat(64) } },
      'digest_mismatch',
      /sha256/,
    ],
    ['a configuration with an unknown field', { engin: {} }, 'invalid_config', /engin/],
    ['an address that is none', { listen: { host: '203.0.113.1', port: 1 } }, 'invalid_config', /203\.0\.113\.1:1/],
  ])('because of %s ends with 1, and says why to its log and to Kubernetes', async (_name, changes, code, words) => {
    const ended = await lastWords(changes);
    expect(ended.code).toBe(1);
    expect(ended.word).toMatchObject({ code });
    expect((ended.word as { message: string }).message).toMatch(words);
    expect(ended.log.at(-1)).toMatchObject({ level: 50, code });
  });

  it('because its weights are damaged says so, too', async () => {
    const damaged = publishedCheckpoint();
    truncateSync(path.join(damaged, 'model.safetensors'), 100_000);
    const ended = await lastWords({ model: { uri: `file://${damaged}` } });
    expect(ended).toMatchObject({ code: 1, word: { code: 'invalid_model' } });
    rmSync(path.dirname(damaged), { recursive: true, force: true });
  });
});

describe('a runtime that is asked to end', () => {
  const long = (url: string, index: number): Promise<StreamedChat> =>
    streamChat(url, {
      model: 'tiny',
      messages: [user(`story ${index}`)],
      max_tokens: 200,
      logit_bias: { 0: -100, 2: -100 },
    });

  it.each(['SIGTERM', 'a request'])(
    'by %s finishes the streams that run, refuses new ones, and ends with 0',
    async (how) => {
      const runtime = await start({ engine: { slots: 1, contextLength: 256, threads: 1 } });
      const { url } = runtime;
      const streams = Array.from({ length: 8 }, (_, index) => long(url, index));
      await eventually(
        async () => loadReportSchema.parse((await get(`${url}/load`)).body),
        ({ requests }) => requests === 8,
        20_000,
        5,
      );
      if (how === 'SIGTERM') runtime.process.kill('SIGTERM');
      else expect((await fetch(`${url}/admin/drain`, { method: 'POST' })).status).toBe(202);
      await eventually(
        () => get(`${url}/health/ready`),
        ({ status }) => status === 503,
        10_000,
        5,
      );
      const refused = await post(`${url}/v1/chat/completions`, { model: 'tiny', messages: [user('late')] });
      expect(refused.status).toBe(503);
      expect(refused.body.error?.code).toBe('shutting_down');
      expect(refused.headers.get('x-should-retry')).toBe('true');
      for (const stream of await Promise.all(streams)) {
        expect(stream.error).toBeUndefined();
        expect(stream.done).toBe(true);
        expect(stream.chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'length' }] });
      }
      expect(await runtime.exited).toBe(0);
    },
  );

  it('ends what outlives the grace with an error that clients understand', async () => {
    const runtime = await start({ engine: { slots: 1, contextLength: 256, threads: 1 }, drain: { graceMs: 1 } });
    const streams = Array.from({ length: 6 }, (_, index) => long(runtime.url, index));
    await eventually(
      async () => loadReportSchema.parse((await get(`${runtime.url}/load`)).body),
      ({ requests }) => requests === 6,
      20_000,
      5,
    );
    runtime.process.kill('SIGTERM');
    const ended = await Promise.all(streams);
    expect(ended.some(({ error }) => error?.code === 'shutting_down')).toBe(true);
    for (const { error, done, status } of ended) expect(done || (status === 503 && error !== undefined)).toBe(true);
    expect(await runtime.exited).toBe(0);
  });
});

describe('administration of a runtime', () => {
  const token = 'correct horse battery staple';
  const tokenSha256 = createHash('sha256').update(token).digest('hex');

  it('is for this machine, or for whoever has the token', async () => {
    const { url } = await start({ admin: { tokenSha256 } });
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${url}/admin/status`, { headers })).status;
    expect(await ask({})).toBe(200);
    expect(await ask({ authorization: `Bearer ${token}` })).toBe(200);
    expect(await ask({ authorization: 'Bearer wrong' })).toBe(403);
    expect(await ask({ origin: 'https://evil.example' })).toBe(403);
  });

  it('exchanges the weights under eight streams: none fails, and each is of one generation', async () => {
    const runtime = await start({ engine: { slots: 4, contextLength: 256, threads: 1 } });
    const { url } = runtime;
    const ask = (index: number): Promise<StreamedChat> =>
      streamChat(url, { model: 'tiny', messages: [user(`tale ${index % 8}`)], max_tokens: 120, temperature: 0 });
    const before = await Promise.all(Array.from({ length: 8 }, (_, index) => ask(index)));
    const next = trainedOn(checkpoint);
    const asked: Promise<StreamedChat>[] = [];
    const indexes: number[] = [];
    let over = false;
    const client = async (index: number): Promise<void> => {
      while (!over) {
        const stream = ask(index);
        asked.push(stream);
        indexes.push(index);
        await stream;
      }
    };
    const clients = Array.from({ length: 8 }, (_, index) => client(index));
    const load = { model: { uri: `file://${next}` } };
    expect((await post(`${url}/admin/load`, load)).status).toBe(202);
    await eventually(
      () => statusOf(url),
      ({ loaded }) => loaded?.generation === 2,
      60_000,
    );
    over = true;
    await Promise.all(clients);
    const after = await Promise.all(Array.from({ length: 8 }, (_, index) => ask(index)));
    for (const [at, stream] of (await Promise.all(asked)).entries()) {
      expect(stream).toMatchObject({ status: 200, done: true });
      expect(stream.error).toBeUndefined();
      const index = indexes[at] ?? 0;
      expect([before[index]?.text, after[index]?.text]).toContain(stream.text);
    }
    expect(after.map(({ text }) => text)).not.toEqual(before.map(({ text }) => text));
    const status = await eventually(
      () => statusOf(url),
      ({ retiring }) => retiring.length === 0,
      20_000,
    );
    expect(status).toMatchObject({ loaded: { uri: load.model.uri }, update: { state: 'done' }, hotUpdate: true });
    rmSync(path.dirname(next), { recursive: true, force: true });
  });

  it('that fails to load other weights changes nothing', async () => {
    const { url } = await start();
    const ask = async (): Promise<string> =>
      (await streamChat(url, { model: 'tiny', messages: [user('x')], max_tokens: 40, temperature: 0 })).text;
    const [before, first] = [await ask(), await statusOf(url)];
    const damaged = publishedCheckpoint();
    truncateSync(path.join(damaged, 'model.safetensors'), 300_000);
    for (const uri of ['file:///no/such/model', `file://${damaged}`]) {
      expect((await post(`${url}/admin/load`, { model: { uri } })).status).toBe(202);
      const status = await eventually(
        () => statusOf(url),
        ({ update }) => update?.state === 'failed',
        30_000,
      );
      expect(status.update?.error?.code).toMatch(/source_not_found|invalid_model/);
      expect(status.loaded).toEqual(first.loaded);
      expect(await ask()).toBe(before);
    }
    rmSync(path.dirname(damaged), { recursive: true, force: true });
  });
});
