import { createServer } from 'node:http';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { FleetClient } from './client.ts';
import { slo } from './commands/slo.ts';
import { serveEndpoint, type TestEndpoint } from './harness/endpoint.ts';
import { captureTerminal } from './harness/terminal.ts';
import { renderSlo, sloRows } from './slo.ts';
import { poolSchema, type Pool } from './wire.ts';

const objectives = { availability: 99.5, ttftMsP95: 2_000, itlMsP95: 50, windowMs: 30 * 86_400_000 };
const lately = { requestsPerSecond: 0, tokensPerSecond: 0 };
const poolOf = (requests: { total: number; failed: number }, changes: object = {}): Pool =>
  poolSchema.parse({
    name: 'chat',
    tier: 'small',
    status: 'ready',
    ready: 1,
    desired: 1,
    inFlight: 0,
    held: 0,
    objectives,
    answered: { overMs: 7_200_000, requests, firstByteMsP95: 310, lately },
    ...changes,
  });

describe('objectives', () => {
  it('have a share of their budget left, by what failed', () => {
    const [answered, first, next] = sloRows([poolOf({ total: 1_000, failed: 1 })]);
    expect(answered).toMatchObject({ objective: 'answered', kept: true, overMs: 7_200_000 });
    expect(answered?.budgetLeft).toBeCloseTo(0.8);
    expect(answered?.measured).toBeCloseTo(99.9);
    expect(first).toMatchObject({ objective: 'first token', measured: 310, kept: true });
    expect(next).toMatchObject({ objective: 'between tokens', measured: undefined, kept: undefined });
  });

  it('can be overspent, and are not kept then', () => {
    expect(sloRows([poolOf({ total: 100, failed: 1 })])[0]).toMatchObject({
      kept: false,
      budgetLeft: expect.closeTo(-1),
    });
    const slow = poolOf({ total: 1, failed: 0 }, { objectives: { ttftMsP95: 100, windowMs: 1 } });
    expect(sloRows([slow])).toMatchObject([{ objective: 'first token', kept: false }]);
  });

  it('are neither kept nor missed while nobody asks', () => {
    expect(sloRows([poolOf({ total: 0, failed: 0 })])[0]).toMatchObject({ measured: undefined, kept: undefined });
  });

  it('without a budget are spent by the first failure, and whole before it', () => {
    const whole = { ...objectives, availability: 100 };
    expect(sloRows([poolOf({ total: 9, failed: 0 }, { objectives: whole })])[0]).toMatchObject({
      kept: true,
      budgetLeft: 1,
    });
    expect(sloRows([poolOf({ total: 9, failed: 1 }, { objectives: whole })])[0]?.kept).toBe(false);
  });

  it('fit eighty columns', () => {
    const text = renderSlo(
      sloRows([poolOf({ total: 9, failed: 9 }, { name: 'a-pool-with-a-name-that-is-as-long-as-names-can-be' })]),
      80,
      'As counted.',
    );
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(text).toContain('NO');
  });

  it('that nobody has set are said to be none', () => {
    expect(renderSlo(sloRows([poolOf({ total: 1, failed: 0 }, { objectives: undefined })]), 80, '')).toMatch(
      /spec\.slo/,
    );
  });
});

describe('qwenfleet slo', () => {
  let endpoint: TestEndpoint | undefined;
  afterEach(() => endpoint?.close());

  const servePrometheus = async (answerOf: (query: string) => unknown): Promise<string> => {
    const server = createServer((request, response) => {
      const query = new URL(request.url ?? '', 'http://a').searchParams.get('query') ?? '';
      response.end(JSON.stringify(answerOf(query)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  };

  it('has whole windows from the rules that Prometheus computes', async () => {
    endpoint = await serveEndpoint();
    const asked: string[] = [];
    const prometheus = await servePrometheus((query) => {
      asked.push(query);
      const value = query.includes('error_budget') ? '0.25' : query.includes('first_token') ? '0.9' : 'NaN';
      return { status: 'success', data: { result: [{ metric: { pool: 'small' }, value: [1, value] }] } };
    });
    const { terminal, out } = captureTerminal({ json: true });
    const client = new FleetClient({ url: endpoint.url });
    expect(await slo({ client, terminal, prometheus: `${prometheus}/`, namespace: 'fleet' })).toBe('ok');
    expect(JSON.parse(out())).toMatchObject({
      objectives: [
        { pool: 'small', objective: 'answered', target: 99, budgetLeft: 0.25, overMs: 86_400_000, kept: true },
        { pool: 'small', objective: 'first token', target: 2_000, measured: 900, kept: true },
      ],
    });
    expect(asked.every((query) => query.endsWith('{namespace="fleet"}'))).toBe(true);
  });

  it('says what to do where no Prometheus answers, or something else does', async () => {
    endpoint = await serveEndpoint();
    const client = new FleetClient({ url: endpoint.url });
    const { terminal } = captureTerminal();
    await expect(slo({ client, terminal, prometheus: 'http://127.0.0.1:9' })).rejects.toMatchObject({
      exit: 'unreachable',
      remedy: expect.stringContaining('--prometheus'),
    });
    const other = await servePrometheus(() => ({ hello: 'world' }));
    await expect(slo({ client, terminal, prometheus: other })).rejects.toThrow(/not as Prometheus does/);
  });
});
