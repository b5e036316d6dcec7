import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { loadReportSchema } from '@qwenfleet/core/load/report';
import { runtimeStatusSchema } from '@qwenfleet/core/load/status';
import { metrics } from '@qwenfleet/core/telemetry/names';
import { rejection } from './fixtures/generation.ts';
import { chat, eventsOf, fakeModel, metricOf, serve, type Served } from './fixtures/served.ts';
import type { LoadedModel } from './resident.ts';
import type { Loader } from './service.ts';

const path = '/v1/chat/completions';
const uri = 'file:///y';
const text = async (response: Response): Promise<string> =>
  ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? '';

/** A loader whose loads a test ends by hand, one after the other. */
function heldLoads(): { load: Loader; loads: ((outcome: LoadedModel | Error) => void)[]; signals: AbortSignal[] } {
  const loads: ((outcome: LoadedModel | Error) => void)[] = [];
  const signals: AbortSignal[] = [];
  const load: Loader = (_model, { signal, onProgress }) =>
    new Promise((resolve, reject) => {
      onProgress('downloading', 1, 2);
      signals.push(signal);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      loads.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  return { load, loads, signals };
}

describe('a runtime that loads', () => {
  it('says how far it is, refuses requests, and is alive', async () => {
    const { load, loads } = heldLoads();
    const { service, app, send } = await serve({ load, loaded: false });
    const starting = service.start();
    expect(service.report()).toMatchObject({
      state: 'loading',
      generation: 0,
      load: { phase: 'downloading', done: 1, total: 2 },
    });
    expect((await app.request('/health/live')).status).toBe(200);
    expect((await app.request('/health/ready')).status).toBe(503);
    expect((await send(path, chat())).status).toBe(503);
    expect(() => service.update({ uri })).toThrow(/loading/);
    loads[0]?.(fakeModel().loaded);
    await starting;
    expect(service.report()).toMatchObject({ state: 'ready', generation: 1, slots: 2, kvTokensMax: 400 });
    expect(service.report().load).toBeUndefined();
    expect((await send(path, chat())).status).toBe(200);
  });

  it('fails with what the load fails with', async () => {
    const { load, loads } = heldLoads();
    const { service } = await serve({ load, loaded: false });
    const starting = rejection(service.start());
    loads[0]?.(new FleetError('source_not_found', 'There is nothing there.'));
    expect(await starting).toMatchObject({ code: 'source_not_found' });
  });

  it('and is asked to end gives the load up, and frees what comes of it after all', async () => {
    const { load, loads, signals } = heldLoads();
    const stubborn: Loader = (model, parts) => load(model, { ...parts, signal: new AbortController().signal });
    const { service } = await serve({ load: stubborn, loaded: false });
    const starting = rejection(service.start());
    await service.finish();
    const late = fakeModel();
    loads[0]?.(late.loaded);
    expect(await starting).toMatchObject({ code: 'shutting_down' });
    expect(late.generator.released).toBe(true);
    expect(signals).toHaveLength(1);
    expect(service.report().state).toBe('draining');
  });
});

describe('the load report', () => {
  it('is what its schema says, at rest and under load', async () => {
    const { service, app, send } = await serve({ stepMs: () => 1 });
    const look = async (): Promise<void> => {
      const report: unknown = await (await app.request('/load')).json();
      expect(loadReportSchema.strict().parse(report)).toEqual(report);
    };
    await look();
    const running = [chat(), chat(), chat()].map((body) => send(path, body));
    await expect.poll(() => service.report().running).toBe(2);
    await look();
    await Promise.all(running);
    await look();
  });

  it('counts what runs, what waits, what the cache holds, and how long one would wait', async () => {
    const { service, send } = await serve({ slots: 2, stepMs: () => 2 });
    const running = Array.from({ length: 5 }, () => send(path, chat({ max_tokens: 60, logit_bias: { 27: -100 } })));
    await expect.poll(() => service.report()).toMatchObject({ requests: 5, running: 2, queued: 3, slots: 2 });
    const early = service.report();
    expect(early.waitMs).toBeGreaterThan(0);
    await expect.poll(() => service.report().kvTokens).toBeGreaterThan(40);
    expect(service.report().kvTokens).toBeLessThanOrEqual(service.report().kvTokensMax);
    await Promise.all(running);
    expect(service.report()).toMatchObject({ requests: 0, running: 0, queued: 0, kvTokens: 0, waitMs: 0 });
    expect(service.report()).toMatchObject({ promptTokensTotal: 5 * 11, completionTokensTotal: 5 * 60 });
  });

  it('has the rates of the last seconds, without our own questions', async () => {
    const clock = new ManualClock();
    const { service, send, app } = await serve({ clock, stepMs: () => 100 });
    const healthy = app.request('/health');
    await clock.advance(500);
    expect((await healthy).status).toBe(200);
    expect(service.report()).toMatchObject({ promptTokensPerSecond: 0, completionTokensPerSecond: 0 });
    // A hundred tokens, ten a second.
    const answer = send(path, chat({ max_tokens: 100, logit_bias: { 27: -100 } }));
    await expect.poll(() => service.report().running).toBe(1);
    await clock.advance(10_300);
    await answer;
    expect(service.report().completionTokensPerSecond).toBeGreaterThan(8);
    expect(service.report().completionTokensPerSecond).toBeLessThan(11);
    await clock.advance(20_000);
    expect(service.report()).toMatchObject({ completionTokensPerSecond: 0, completionTokensTotal: 100 });
  });

  it('shows a step that hangs', async () => {
    const clock = new ManualClock();
    const { service, send } = await serve({ clock, stepMs: () => 1e9 });
    void send(path, chat());
    await expect.poll(() => service.report().running).toBe(1);
    await clock.advance(7_000);
    expect(service.report().heartbeatAgeMs).toBe(7_000);
  });
});

describe('metrics', () => {
  it('have every name of the runtime in the table, and each gets a value in ordinary work', async () => {
    const served = await serve();
    await (await served.send(path, chat())).json();
    await eventsOf(await served.send(path, chat({ stream: true, n: 2 })));
    const body = await (await served.app.request('/metrics')).text();
    const own = Object.entries(metrics).filter(([key]) => key.startsWith('runtime'));
    expect(own.length).toBeGreaterThan(5);
    for (const [key, { name, kind }] of own) {
      const series = body.split('\n').filter((line) => line.startsWith(kind === 'histogram' ? `${name}_count` : name));
      expect(series.length, key).toBeGreaterThan(0);
      if (kind === 'histogram')
        expect(
          series.some((line) => !line.endsWith(' 0')),
          key,
        ).toBe(true);
    }
  });

  it('are read when somebody looks, and not when somebody asks for the load', async () => {
    const served = await serve({ stepMs: () => 1 });
    const running = served.send(path, chat({ max_tokens: 100 }));
    await expect.poll(() => served.engine.stats().running).toBe(1);
    expect(await metricOf(served, 'qwenfleet_runtime_sequences_running')).toBe(1);
    await running;
    expect(await metricOf(served, 'qwenfleet_runtime_sequences_running')).toBe(0);
  });

  const outcome = (served: Served, name: string): Promise<number | undefined> =>
    metricOf(served, `qwenfleet_runtime_requests_total{outcome="${name}"}`);

  it('count every request once, however it ends', async () => {
    const served = await serve({ failsAt: (step) => step > 40 });
    await served.send(path, chat({ max_tokens: 2 }));
    await (await served.send(path, chat({ max_tokens: 2, stream: true }))).text();
    expect(await outcome(served, 'ok')).toBe(2);
    await served.send(path, '{');
    await served.send(path, chat({ model: 'another' }));
    await served.send(path, chat({ stream: true, max_tokens: 999 }));
    expect(await outcome(served, 'error')).toBe(3);
    await (await served.send(path, chat({ stream: true, max_tokens: 100, logit_bias: { 27: -100 } }))).text();
    expect(await outcome(served, 'error')).toBe(4);
    expect(served.service.report().requests).toBe(0);
  });

  it('count a streamed request that fails at once as one, too', async () => {
    const served = await serve({ failsAt: () => true });
    await served.send(path, chat({ stream: true }));
    expect(await outcome(served, 'error')).toBe(1);
  });

  it('do not count health checks, and addresses that there are not', async () => {
    const served = await serve({ failsAt: () => true });
    for (const where of ['/health', '/health/live', '/nowhere', '/load']) await served.app.request(where);
    expect(await outcome(served, 'error')).toBeUndefined();
  });

  it('count those whose client left, before and during the answer', async () => {
    const served = await serve({ stepMs: () => 2 });
    const left = new AbortController();
    const asked = served.send(path, chat({ max_tokens: 150 }), { signal: left.signal });
    await expect.poll(() => served.engine.stats().running).toBe(1);
    left.abort();
    expect((await asked).status).toBe(499);
    const response = await served.send(path, chat({ max_tokens: 150, stream: true }));
    await response.body?.cancel();
    await expect.poll(() => outcome(served, 'cancelled')).toBe(2);
    expect(served.service.report().requests).toBe(0);
  });

  it('count a client that left before it read anything', async () => {
    const served = await serve({ stepMs: () => 2 });
    const left = new AbortController();
    await served.send(path, chat({ max_tokens: 150, stream: true }), { signal: left.signal });
    expect(served.service.report().requests).toBe(1);
    left.abort();
    expect(served.service.report().requests).toBe(0);
    await expect.poll(() => served.engine.stats().running).toBe(0);
  });
});

describe('the end of a runtime', () => {
  it('waits for streams to be read to their end, and refuses the next request', async () => {
    const served = await serve({ stepMs: () => 1 });
    const response = await served.send(path, chat({ stream: true, max_tokens: 40, logit_bias: { 27: -100 } }));
    let over = false;
    const finished = served.service.finish().then(() => (over = true));
    expect(await (await served.send(path, chat())).json()).toMatchObject({ error: { code: 'shutting_down' } });
    await expect.poll(() => served.engine.stats().running).toBe(0);
    // The engine rests; the reader has seen nothing yet.
    expect(over).toBe(false);
    expect(await eventsOf(response)).toHaveLength(42);
    await finished;
  });

  it('is told to those that outlive the grace', async () => {
    const served = await serve({ stepMs: () => 5, config: { drain: { graceMs: 20 } } });
    const response = await served.send(path, chat({ stream: true, max_tokens: 150, logit_bias: { 27: -100 } }));
    const [events] = await Promise.all([eventsOf(response), served.service.finish()]);
    expect(events.at(-1)).toMatchObject({ error: { code: 'shutting_down' } });
  });

  it('is not held up by a client that never reads', async () => {
    const clock = new ManualClock();
    const served = await serve({ clock, config: { drain: { graceMs: 1_000 } } });
    const asked = served.send(path, chat({ stream: true }));
    await expect.poll(() => served.engine.stats().running).toBe(1);
    await clock.advance(1_000);
    expect((await asked).status).toBe(200);
    const finished = served.service.finish();
    await clock.advance(10_000);
    await finished;
  });

  it('can be asked for over HTTP', async () => {
    const { service, admin } = await serve();
    expect((await admin('POST', '/admin/drain')).status).toBe(202);
    await service.drainAsked;
    expect(service.report().state).toBe('draining');
  });
});

describe('a hot update', () => {
  it('loads beside the model that answers, then answers with the new one', async () => {
    const { load, loads } = heldLoads();
    const { service, send } = await serve({ load, loaded: false });
    const starting = service.start();
    const [old, fresh] = [fakeModel(), fakeModel({ slots: 3 })];
    loads[0]?.(old.loaded);
    await starting;
    service.update({ uri });
    expect(service.report()).toMatchObject({ state: 'ready', generation: 1, load: { phase: 'downloading' } });
    expect(service.status()).toMatchObject({ update: { state: 'loading', progress: { done: 1 } }, hotUpdate: false });
    expect((await send(path, chat())).status).toBe(200);
    expect(fresh.generator.steps).toBe(0);
    loads[1]?.({ ...fresh.loaded, identity: { ...fresh.loaded.identity, uri, digest: 'd'.repeat(64) } });
    await expect.poll(() => service.report().generation).toBe(2);
    expect(service.report()).toMatchObject({ state: 'ready', slots: 3 });
    expect(service.report().load).toBeUndefined();
    const { steps } = old.generator;
    expect((await send(path, chat())).status).toBe(200);
    expect(old.generator.steps).toBe(steps);
    expect(fresh.generator.steps).toBeGreaterThan(0);
    await expect.poll(() => old.generator.released).toBe(true);
    const status = service.status();
    expect(runtimeStatusSchema.parse(status)).toEqual(status);
    expect(status).toMatchObject({ loaded: { generation: 2, uri, digest: 'd'.repeat(64) }, update: { state: 'done' } });
    expect(status).toMatchObject({ retiring: [], hotUpdate: true });
  });

  it('lets the old model end what it had taken, and frees it then, not before', async () => {
    const served = await serve({ stepMs: () => 2 });
    const body = chat({ max_tokens: 150, logit_bias: { 27: -100 } });
    const whole = await text(await served.send(path, body));
    const streams = Array.from({ length: 4 }, () => served.send(path, body));
    await expect.poll(() => served.engine.stats().running).toBe(2);
    served.service.update({ uri });
    await expect.poll(() => served.service.report().generation).toBe(2);
    expect(served.service.status().retiring).toEqual([{ generation: 1, requests: 4 }]);
    expect(served.service.status()).toMatchObject({ hotUpdate: false });
    expect(() => served.service.update({ uri })).toThrow(/Generation 1 still answers 4/);
    expect(served.generator.released).toBe(false);
    for (const stream of streams) expect(await text(await stream)).toBe(whole);
    await expect.poll(() => served.generator.released).toBe(true);
    expect(served.service.status()).toMatchObject({ retiring: [], hotUpdate: true });
  });

  it.each([
    ['the load fails', new FleetError('invalid_model', 'The file is damaged.'), 'invalid_model'],
    ['something unforeseen happens', new Error('/secret'), 'internal'],
  ])('that fails because %s leaves everything as it was, and says why', async (_name, error, code) => {
    const { load, loads } = heldLoads();
    const { service, send } = await serve({ load, loaded: false });
    const starting = service.start();
    const old = fakeModel();
    loads[0]?.(old.loaded);
    await starting;
    const before = await text(await send(path, chat()));
    service.update({ uri });
    loads[1]?.(error);
    await expect.poll(() => service.status().update?.state).toBe('failed');
    expect(service.status()).toMatchObject({ loaded: { generation: 1 }, update: { error: { code } }, hotUpdate: true });
    expect(JSON.stringify(service.status())).not.toContain('secret');
    expect(await text(await send(path, chat()))).toBe(before);
    expect(old.generator.released).toBe(false);
    // And the next one may be tried.
    service.update({ uri });
    const fresh = fakeModel();
    loads[2]?.(fresh.loaded);
    await expect.poll(() => service.report().generation).toBe(2);
  });

  it('to a model of another kind is refused, and what was loaded is freed', async () => {
    const { load, loads } = heldLoads();
    const { service } = await serve({ load, loaded: false });
    const starting = service.start();
    loads[0]?.(fakeModel().loaded);
    await starting;
    service.update({ uri });
    const { loaded, generator } = fakeModel();
    loads[1]?.({ ...loaded, served: { ...loaded.served, task: 'embed' } as never });
    await expect.poll(() => service.status().update?.error?.code).toBe('unsupported_model');
    await expect.poll(() => generator.released).toBe(true);
    expect(service.report().generation).toBe(1);
  });

  it('is one at a time', async () => {
    const { load, loads } = heldLoads();
    const { service, admin } = await serve({ load, loaded: false });
    const starting = service.start();
    loads[0]?.(fakeModel().loaded);
    await starting;
    service.update({ uri });
    const response = await admin('POST', '/admin/load', { model: { uri } });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ error: { code: 'conflict' } });
    expect(loads).toHaveLength(2);
  });

  it('needs memory for both', async () => {
    const { admin } = await serve({ freeMemory: () => 999 });
    const response = await admin('POST', '/admin/load', { model: { uri } });
    expect(response.status).toBe(409);
    expect(JSON.stringify(await response.json())).toMatch(/1 MiB/);
  });

  it('to weights of the same shape only tells the loader which', async () => {
    const wanted: unknown[] = [];
    const load: Loader = (_model, { like }) => {
      wanted.push(like);
      return Promise.resolve(fakeModel().loaded);
    };
    const { service, admin } = await serve({ load });
    const [{ family, shape }] = [fakeModel().loaded.identity];
    expect((await admin('POST', '/admin/load', { model: { uri }, sameShape: true })).status).toBe(202);
    await expect.poll(() => service.status().hotUpdate).toBe(true);
    expect((await admin('POST', '/admin/load', { model: { uri } })).status).toBe(202);
    await expect.poll(() => service.report().generation).toBe(3);
    expect(wanted.slice(-2)).toEqual([expect.objectContaining({ family, shape }), undefined]);
    expect(service.status().loaded?.asked).toEqual({ uri });
  });

  it('is given up when the runtime ends', async () => {
    const { load, loads, signals } = heldLoads();
    const { service } = await serve({ load, loaded: false });
    const starting = service.start();
    loads[0]?.(fakeModel().loaded);
    await starting;
    service.update({ uri });
    await service.finish();
    expect(signals[1]?.aborted).toBe(true);
    await expect.poll(() => service.status().update?.error?.code).toBe('shutting_down');
    expect(service.report()).toMatchObject({ state: 'draining', generation: 1 });
  });

  it('cuts a stream that outlives the time an old model has', async () => {
    const served = await serve({ stepMs: () => 5, config: { update: { graceMs: 30 } } });
    const stream = await served.send(path, chat({ stream: true, max_tokens: 150, logit_bias: { 27: -100 } }));
    served.service.update({ uri });
    expect((await eventsOf(stream)).at(-1)).toMatchObject({ error: { code: 'shutting_down' } });
    await expect.poll(() => served.generator.released).toBe(true);
  });

  it('under requests that never cease loses none, and each answer is of one generation', async () => {
    const served = await serve({ slots: 4, stepMs: () => 1, queueMax: 100 });
    const body = (n: number): object => chat({ max_tokens: 20 + n, stream: n % 2 === 0, logit_bias: { 27: -100 } });
    let over = false;
    const outcomes: number[] = [];
    const client = async (n: number): Promise<void> => {
      while (!over) {
        const response = await served.send(path, body(n));
        outcomes.push(response.status);
        const answer = n % 2 === 0 ? await eventsOf(response) : [await response.json()];
        expect(JSON.stringify(answer)).not.toContain('"error"');
      }
    };
    const clients = Array.from({ length: 8 }, (_, n) => client(n));
    for (let update = 2; update <= 5; update += 1) {
      await systemClock.sleep(20);
      await expect.poll(() => served.service.status().hotUpdate).toBe(true);
      served.service.update({ uri });
      await expect.poll(() => served.service.report().generation).toBe(update);
    }
    await systemClock.sleep(20);
    over = true;
    await Promise.all(clients);
    expect(new Set(outcomes)).toEqual(new Set([200]));
    await expect
      .poll(() => served.models.map(({ generator }) => generator.released))
      .toEqual([true, true, true, true, false]);
    expect(served.models.reduce((sum, { generator }) => sum + Math.min(1, generator.steps), 0)).toBeGreaterThan(2);
  });
});
