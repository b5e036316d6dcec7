import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import { silentLogger } from '@qwenfleet/core/log';
import { seededRng } from '@qwenfleet/core/rng';
import { afterEach, describe, expect, it } from 'vitest';
import { configOf, endpointsOf, poolOf, startRouter, turns, until, type TestRouter } from './harness/router.ts';
import {
  beginStream,
  chunk,
  completes,
  serveUpstream,
  type Call,
  type Script,
  type Upstream,
} from './harness/upstream.ts';
import { RouterService } from './service.ts';

let router: TestRouter | undefined;
let upstreams: Upstream[] = [];
afterEach(async () => {
  await router?.close();
  router = undefined;
  await Promise.all(upstreams.map((upstream) => upstream.close()));
  upstreams = [];
});

async function upstreamWith(script?: Script): Promise<Upstream> {
  const upstream = await serveUpstream(script);
  upstreams.push(upstream);
  return upstream;
}

/** Begins a stream and ends it when the test says so. */
function patient(): { script: Script; calls: Call[]; finish: () => void } {
  const calls: Call[] = [];
  return {
    calls,
    script: (call) => {
      calls.push(call);
      beginStream(call.response);
      call.response.write(chunk({ role: 'assistant', content: 'Once' }));
    },
    finish: () => {
      for (const { response } of calls) response.end(chunk({}, 'stop') + 'data: [DONE]\n\n');
    },
  };
}

const statusOf = async (path: string): Promise<number> => (await fetch(`${router?.url}${path}`)).status;

describe('a router that is told to stop', () => {
  it('is unready first and serves on until it has been noticed, then takes nothing new, and lets what runs end', async () => {
    const clock = new ManualClock();
    const service = new RouterService({
      config: configOf([poolOf()], { drain: { noticeMs: 5_000, graceMs: 60_000 } }),
      clock,
      rng: seededRng(1),
      log: silentLogger,
      onWake: () => undefined,
    });
    const flight = service.begin(new AbortController().signal);
    let drained = false;
    const draining = service.drain().then(() => (drained = true));
    expect([service.leaving, service.draining]).toEqual([true, false]);
    await clock.advance(4_999);
    expect(service.draining).toBe(false);
    await clock.advance(1);
    expect([service.leaving, service.draining, drained]).toEqual([true, true, false]);
    expect(flight.signal.aborted).toBe(false);
    flight.end();
    await draining;
  });

  it('ends what is left after the grace time, and no sooner', async () => {
    const clock = new ManualClock();
    const service = new RouterService({
      config: configOf([poolOf()], { drain: { graceMs: 10_000 } }),
      clock,
      rng: seededRng(1),
      log: silentLogger,
      onWake: () => undefined,
    });
    const flight = service.begin(new AbortController().signal);
    const draining = service.drain();
    await clock.advance(9_999);
    expect(flight.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(flight.signal.reason).toMatchObject({ code: 'shutting_down', retryable: true });
    flight.end();
    await draining;
  });

  it('says so on every answer, refuses what is new, and ends a late stream with an error chunk', async () => {
    const never = patient();
    router = await startRouter([{ servers: [(await upstreamWith(never.script)).url] }], { drain: { graceMs: 100 } });
    const running = await router.chat({ stream: true });
    expect(await statusOf('/health/ready')).toBe(200);
    const drained = router.service.drain();
    expect(await statusOf('/health/ready')).toBe(503);
    expect(await statusOf('/health/live')).toBe(200);
    const refused = await router.chat();
    expect([refused.status, refused.headers.get('connection')]).toEqual([503, 'close']);
    expect(await refused.json()).toMatchObject({ error: { code: 'shutting_down' } });
    const text = await running.text();
    await drained;
    expect(text).toContain('"code":"shutting_down"');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(router.service.openAnswers).toBe(0);
  });

  it('waits for a stream that ends in time', async () => {
    const soon = patient();
    router = await startRouter([{ servers: [(await upstreamWith(soon.script)).url] }]);
    const running = await router.chat({ stream: true });
    const drained = router.service.drain();
    soon.finish();
    expect(await running.text()).not.toContain('error');
    await drained;
  });
});

describe('an answer', () => {
  it('that takes too long is ended by the router, and a client that leaves is told apart', async () => {
    const service = new RouterService({
      config: configOf([poolOf()], { timeouts: { totalMs: 10 } }),
      clock: new ManualClock(),
      rng: seededRng(1),
      log: silentLogger,
      onWake: () => undefined,
    });
    const slow = service.begin(new AbortController().signal);
    await until(() => slow.signal.aborted);
    expect(slow.signal.reason).toMatchObject({ code: 'upstream_timeout' });
    const client = new AbortController();
    const left = service.begin(client.signal);
    client.abort('a reason that is no error');
    expect(left.signal.reason).toBeInstanceOf(FleetError);
    expect(left.signal.reason).toMatchObject({ code: 'cancelled', status: 499 });
    slow.end();
    left.end();
    expect(service.openAnswers).toBe(0);
  });
});

describe('a new configuration', () => {
  it('lets running answers end on what they began with', async () => {
    const old = patient();
    const [before, after] = [await upstreamWith(old.script), await upstreamWith()];
    router = await startRouter([{ config: { apiKey: 'sk-old' }, servers: [before.url] }], {
      timeouts: { totalMs: 60_000 },
    });
    const running = await router.chat({ stream: true });
    const pool = poolOf({ upstreamModel: 'new-model', apiKey: 'sk-new' });
    router.service.configure(configOf([pool], { timeouts: { connectMs: 500, totalMs: 1_000 } }));
    router.tell({ small: endpointsOf([after.url]) });
    expect((await router.chat()).status).toBe(200);
    expect(after.calls[0]).toMatchObject({ headers: { authorization: 'Bearer sk-new' } });
    expect(JSON.parse(after.calls[0]?.text ?? '')).toMatchObject({ model: 'new-model' });
    old.finish();
    expect(await running.text()).toContain('[DONE]');
    expect(router.service.fleet.reports()['small']).toMatchObject({ inFlight: 0, requestsTotal: 2, errorsTotal: 0 });
  });

  it('gives what waits the model and token of the moment at which it is sent', async () => {
    const upstream = await upstreamWith();
    router = await startRouter([{ servers: [] }]);
    router.tell({ small: endpointsOf([], { wakeable: true }) });
    const held = router.chat();
    await until(() => router?.service.fleet.reports()['small']?.held === 1);
    router.service.configure(configOf([poolOf({ upstreamModel: 'rolled-out' })]));
    router.tell({ small: endpointsOf([upstream.url]) });
    expect((await held).status).toBe(200);
    expect(JSON.parse(upstream.calls[0]?.text ?? '')).toMatchObject({ model: 'rolled-out' });
  });

  it('lets a pool that it leaves out end its streams, and its name is gone', async () => {
    const old = patient();
    const [removed, kept] = [await upstreamWith(old.script), await upstreamWith()];
    router = await startRouter([
      { config: { name: 'old' }, servers: [removed.url] },
      { config: { name: 'small' }, servers: [kept.url] },
    ]);
    const running = await router.chat({ model: 'old', stream: true });
    router.service.configure(configOf([poolOf()]));
    expect((await router.chat({ model: 'old' })).status).toBe(404);
    old.finish();
    expect(await running.text()).toContain('[DONE]');
  });

  it('sends what waited for auto in a pool that has gone to another', async () => {
    const upstream = await upstreamWith();
    router = await startRouter([{ config: { name: 'asleep' }, servers: [] }]);
    router.tell({ asleep: endpointsOf([], { wakeable: true }) });
    const held = router.chat({ model: 'auto' });
    await until(() => router?.service.fleet.reports()['asleep']?.held === 1);
    router.tell({ small: endpointsOf([upstream.url]) });
    router.service.configure(configOf([poolOf()]));
    expect((await held).headers.get('x-qwenfleet-pool')).toBe('small');
  });

  it('changes keys, limits and the objective for the next request', async () => {
    router = await startRouter([{ servers: [(await upstreamWith()).url] }]);
    expect((await router.chat()).status).toBe(200);
    const keys = [{ id: 'alice', sha256: 'a'.repeat(64) }];
    router.service.configure(configOf([poolOf()], { keys, bodyBytesMax: 1_024 }));
    expect((await router.chat()).status).toBe(401);
    router.service.configure(configOf([poolOf()], { bodyBytesMax: 1_024 }));
    expect((await router.chat({ user: 'x'.repeat(2_000) })).status).toBe(413);
  });

  it('is counted, and so is one that was refused', async () => {
    router = await startRouter([{ servers: [] }]);
    router.service.configure(configOf([poolOf()]));
    router.service.refused(new FleetError('invalid_config', 'pools[0].tier: unknown'));
    const { body } = await router.service.expose();
    expect(body).toContain('qwenfleet_router_config_reloads_total{outcome="applied"} 1');
    expect(body).toContain('qwenfleet_router_config_reloads_total{outcome="refused"} 1');
  });

  it('leaves no series of pools that it has left out', async () => {
    router = await startRouter([{ config: { name: 'old' }, servers: [] }]);
    expect((await router.service.expose()).body).toContain('qwenfleet_router_held{pool="old"}');
    router.service.configure(configOf([poolOf()]));
    const { body } = await router.service.expose();
    expect(body).not.toContain('qwenfleet_router_held{pool="old"}');
    expect(body).toContain('qwenfleet_router_held{pool="small"}');
  });

  it('a hundred times under load loses no request', async () => {
    const servers = await Promise.all(
      [0, 1, 2].map(() => upstreamWith(completes(Array.from({ length: 5 }, () => 'x')))),
    );
    router = await startRouter([
      { servers: servers.map(({ url }) => url) },
      { config: { name: 'other' }, servers: [] },
    ]);
    const { service, chat, tell } = router;
    const rng = seededRng(11);
    let [over, asked, whole] = [false, 0, 0];
    const failures: string[] = [];
    const client = async (): Promise<void> => {
      while (!over) {
        asked += 1;
        const answer = await chat({ stream: asked % 2 === 0, model: asked % 3 === 0 ? 'auto' : 'small' });
        const text = await answer.text();
        const isWhole = answer.status === 200 && !text.includes('"error"') && /\[DONE\]|"Hello."/.test(text);
        if (isWhole) whole += 1;
        else failures.push(`${answer.status} ${text}`);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    for (let reload = 0; reload < 100; reload += 1) {
      const some = servers.filter(() => rng() < 0.7).map(({ url }) => url);
      const pools = [
        poolOf({
          concurrency: 1 + Math.floor(rng() * 4),
          upstreamModel: `model-${reload}`,
          contextLength: 4_096 + reload,
        }),
        ...(rng() < 0.5 ? [poolOf({ name: 'other', tier: 'large' })] : []),
      ];
      service.configure(configOf(pools, { timeouts: { connectMs: 1_000 + Math.floor(rng() * 3) } }));
      tell({
        small: endpointsOf(some.length > 0 ? some : [servers[0]?.url ?? '']),
        other: endpointsOf([servers[1]?.url ?? '']),
      });
      const target = whole + 3;
      await until(() => whole >= target || failures.length > 0, 20_000);
    }
    over = true;
    await Promise.all(clients);
    await turns();
    process.stdout.write(`100 reloads: ${asked} requests, ${whole} whole\n`);
    expect(failures).toEqual([]);
    expect(whole).toBe(asked);
    expect(asked).toBeGreaterThan(300);
    expect(service.openAnswers).toBe(0);
    for (const report of Object.values(service.fleet.reports())) expect(report).toMatchObject({ inFlight: 0, held: 0 });
  });
});
