import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Logger } from '../log.ts';
import { readTracingConfig } from './config.ts';
import { failSpan, noSpan, noTracer } from './span.ts';
import { openTracer } from './tracing.ts';
import { FleetError } from '../errors.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const clientSpan = 'b7ad6b7169203331';
const sampled = `00-${traceId}-${clientSpan}-01`;

const complaints: string[] = [];
const log = { error: (line: string) => void complaints.push(line) } as unknown as Logger;
const router = { service: 'qwenfleet-router', log } as const;

describe('where traces go', () => {
  it('is nowhere, unless a collector is named', () => {
    expect(readTracingConfig({})).toBeUndefined();
    expect(readTracingConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' })).toBeUndefined();
    expect(
      readTracingConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318', OTEL_SDK_DISABLED: 'TRUE' }),
    ).toBeUndefined();
  });

  it('is what the variables of OpenTelemetry say', () => {
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20t, x-tenant=b,broken',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
    };
    expect(readTracingConfig(environment)).toEqual({
      endpoint: 'http://a:4318',
      sampleRatio: 0.01,
      headers: { authorization: 'Bearer t', 'x-tenant': 'b' },
    });
    expect(readTracingConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a' })?.sampleRatio).toBe(1);
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['OTEL_TRACES_SAMPLER_ARG', 'half'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization=50%'],
  ])('is refused by name: %s=%s', (name, value) => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:4318', [name]: value };
    expect(() => readTracingConfig(environment)).toThrow(name);
  });
});

describe('without a collector', () => {
  it('nothing is kept, and a client’s trace goes on to the next process as it is', () => {
    const span = noTracer.request('router.request', sampled);
    expect([span.recording, span.traceparent, span.child('router.hold').traceparent]).toEqual([
      false,
      sampled,
      sampled,
    ]);
    expect(noTracer.request('router.request', undefined)).toBe(noSpan);
  });

  it.each([
    'what is this',
    `00-${'0'.repeat(32)}-${clientSpan}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `ff-${traceId}-${clientSpan}-01`,
    `${sampled}\r\nx-evil: 1`,
    sampled.toUpperCase(),
  ])('what is no trace context goes nowhere: %j', (given) => {
    expect(noTracer.request('router.request', given)).toBe(noSpan);
  });
});

describe('with an address that is none', () => {
  it('it is said, and everybody is served as without', async () => {
    expect(await openTracer({ endpoint: 'http://:99999', sampleRatio: 1, headers: {} }, router)).toBe(noTracer);
    expect(complaints.splice(0)).toEqual([expect.stringContaining('tracing.endpoint: "http://:99999"')]);
  });
});

describe('with a collector', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function collector(): Promise<{ endpoint: string; bodies: string[] }> {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (part: Buffer) => (text += part.toString()));
      request.on('end', () => {
        bodies.push(text);
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(
      () =>
        new Promise((resolve) => {
          server.closeAllConnections();
          server.close(() => resolve());
        }),
    );
    const address = server.address();
    return { endpoint: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`, bodies };
  }

  it('follows the trace of a client that keeps its own, and sends it when it is closed', async () => {
    const { endpoint, bodies } = await collector();
    const tracer = await openTracer({ endpoint, sampleRatio: 0, headers: {} }, router);
    const root = tracer.request('router.request', sampled);
    expect(root.recording).toBe(true);
    expect(root.traceparent).toMatch(new RegExp(`^00-${traceId}-[\\da-f]{16}-01$`));
    const hold = root.child('router.hold', Date.now() - 20);
    hold.end();
    failSpan(root, new FleetError('queue_full', 'Full.'));
    failSpan(root, new FleetError('internal', 'Told once already.'));
    await tracer.close();
    const text = bodies.join('');
    for (const word of ['qwenfleet-router', 'router.request', 'router.hold', clientSpan, 'queue_full'])
      expect(text).toContain(word);
    expect(text.split('"name":"router.request"')).toHaveLength(2);
  });

  it('keeps the share of others that it is told to, and tells the next process of those that it does not', async () => {
    const { endpoint, bodies } = await collector();
    const never = await openTracer({ endpoint, sampleRatio: 0, headers: {} }, router);
    const span = never.request('router.request', undefined);
    expect(span.recording).toBe(false);
    expect(span.traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/);
    expect(span.child('router.hold')).toBe(span);
    await never.close();
    expect(bodies).toEqual([]);
    const always = await openTracer({ endpoint, sampleRatio: 1, headers: {} }, router);
    expect(always.request('router.request', undefined).recording).toBe(true);
    expect(always.request('router.request', sampled.replace(/01$/, '00')).recording).toBe(false);
    await always.close();
  });
});
