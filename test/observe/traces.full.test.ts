import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spanNames } from '@qwenfleet/core/telemetry/span';
import { publishedCheckpoint } from '@qwenfleet/runtime/fixtures/checkpoint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCollector, type CollectedSpan, type Collector } from '../harness/collector.ts';
import { eventually, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { smallPool } from '../harness/small-pool.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-traces-'));
const checkpoint = publishedCheckpoint();
const patienceMs = 30_000;

let collector: Collector;
let fleet: RunningFleet;
beforeAll(async () => {
  collector = await startCollector();
  const file = path.join(folder, 'fleet.yaml');
  const spec = { quantization: 'float32', engine: { contextLength: 256, maxConcurrency: 4 }, replicas: 1 };
  writeFileSync(file, smallPool(`file://${checkpoint}`, spec));
  fleet = await startFleet({
    args: ['--fleet', file],
    env: {
      QWENFLEET_CACHE: path.join(folder, 'cache'),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=a%20b',
    },
  });
});
afterAll(async () => {
  await fleet?.stop();
  await collector?.close();
  for (const made of [folder, path.dirname(checkpoint)]) rmSync(made, { recursive: true, force: true });
});

/** What a client is told at the end of its answer, whole or streamed. */
const countIn = (text: string, name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(text)?.[1]);
const clientSpan = 'b7ad6b7169203331';
let number = 0;
/** As a client that traces would begin one; another for each request. */
function newTrace(): { traceId: string; traceparent: string } {
  number += 1;
  const traceId = number.toString(16).padStart(32, 'f');
  return { traceId, traceparent: `00-${traceId}-${clientSpan}-01` };
}

async function ask(body: object, traceparent?: string): Promise<Response> {
  return fetch(`${fleet.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(traceparent === undefined ? {} : { traceparent }) },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Tell a tale.' }], max_tokens: 12, ...body }),
  });
}

/** The spans of a trace, once so many have come. */
const trace = (traceId: string, count: number): Promise<CollectedSpan[]> =>
  eventually(
    async () => collector.spans.filter((span) => span.traceId === traceId),
    (spans) => spans.length >= count,
    patienceMs,
  );
const one = (spans: readonly CollectedSpan[], name: string): CollectedSpan => {
  const found = spans.filter((span) => span.name === name);
  expect(found, name).toHaveLength(1);
  return found[0] as CollectedSpan;
};

const tokens = (input: number, output: number): object => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
});

describe('the trace of one request', () => {
  it.each([
    ['a whole answer', {}],
    ['a stream', { stream: true, stream_options: { include_usage: true } }],
  ])('of %s goes from the client to the engine, with its tokens', async (_what, body) => {
    const { traceId, traceparent } = newTrace();
    const text = await (await ask({ model: 'auto', ...body }, traceparent)).text();
    const usage = { prompt: countIn(text, 'prompt_tokens'), completion: countIn(text, 'completion_tokens') };
    expect(usage.completion).toBeGreaterThan(0);
    const spans = await trace(traceId, spanNames.length);
    expect(spans.map(({ name }) => name).toSorted()).toEqual([...spanNames].toSorted());

    const [router, upstream, runtime] = ['router.request', 'router.upstream', 'runtime.request'].map((name) =>
      one(spans, name),
    ) as [CollectedSpan, CollectedSpan, CollectedSpan];
    const parents = Object.fromEntries(spans.map(({ name, parentSpanId }) => [name, parentSpanId]));
    expect(parents).toEqual({
      'router.request': clientSpan,
      'router.admission': router.spanId,
      'router.scoring': router.spanId,
      'router.hold': router.spanId,
      'router.upstream': router.spanId,
      'runtime.request': upstream.spanId,
      'engine.queue': runtime.spanId,
      'engine.prefill': runtime.spanId,
      'engine.decode': runtime.spanId,
    });
    const counts = tokens(usage.prompt, usage.completion);
    expect(router.attributes).toMatchObject({ ...counts, 'qwenfleet.pool': 'small', 'http.response.status_code': 200 });
    expect(runtime.attributes).toMatchObject(counts);
    expect(one(spans, 'engine.prefill').attributes['gen_ai.usage.input_tokens']).toBe(usage.prompt);
    expect(one(spans, 'engine.decode').attributes['gen_ai.usage.output_tokens']).toBe(usage.completion);
    expect(one(spans, 'router.scoring').attributes).toMatchObject({ 'qwenfleet.pool': 'small' });
    expect(spans.filter(({ failed }) => failed)).toEqual([]);
    for (const { name, startMs, endMs } of spans) expect(endMs, name).toBeGreaterThanOrEqual(startMs);
  });

  it('begins in the router where the client has none', async () => {
    const id = `without-${process.pid}`;
    await (
      await fetch(`${fleet.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-request-id': id, traceparent: 'what is this' },
        body: JSON.stringify({ model: 'small', messages: [{ role: 'user', content: 'Hello' }], max_tokens: 2 }),
      })
    ).text();
    const root = await eventually(
      async () => collector.spans.find(({ attributes }) => attributes['qwenfleet.request_id'] === id),
      (span) => span !== undefined,
      patienceMs,
    );
    expect(root?.parentSpanId).toBe('');
    expect(await trace(root?.traceId ?? '', spanNames.length)).toHaveLength(spanNames.length);
  });

  it('is of no process whose client did not want it', async () => {
    const traceId = 'e'.repeat(32);
    expect((await ask({ model: 'small' }, `00-${traceId}-${clientSpan}-00`)).status).toBe(200);
    const { traceId: later, traceparent } = newTrace();
    await (await ask({ model: 'small' }, traceparent)).text();
    await trace(later, spanNames.length);
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  });

  it('says what went wrong', async () => {
    const { traceId, traceparent } = newTrace();
    expect((await ask({ model: 'nobody' }, traceparent)).status).toBe(404);
    const spans = await trace(traceId, 3);
    expect(one(spans, 'router.request')).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'model_not_found' },
    });
  });

  it('holds nothing of what was asked or answered', async () => {
    const { traceId, traceparent } = newTrace();
    const secret = 'the-colour-of-my-door-is-green';
    const answer = await ask({ model: 'small', messages: [{ role: 'user', content: secret }] }, traceparent);
    const { choices } = (await answer.json()) as { choices: { message: { content: string } }[] };
    const spans = JSON.stringify(await trace(traceId, spanNames.length));
    expect(spans).not.toContain(secret);
    expect(spans).not.toContain(JSON.stringify(choices[0]?.message.content).slice(1, -1));
  });

  it('is sent with the headers that the collector wants', () => {
    expect(collector.headers.length).toBeGreaterThan(0);
    for (const headers of collector.headers) expect(headers['x-tenant']).toBe('a b');
  });
});
