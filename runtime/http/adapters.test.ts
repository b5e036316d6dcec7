import { describe, expect, it } from 'vitest';
import { chat, eventsOf, metricOf, serve, type Served, type ServeOptions } from '../fixtures/served.ts';

const places = (count: number): ServeOptions => ({ adapters: { places: count, rankMax: 8 }, slots: 4, queueMax: 100 });

const load = (served: Served, name: string, fields: object = {}): Promise<Response> =>
  served.send('/v1/load_lora_adapter', { lora_name: name, lora_path: `file:///adapters/${name}`, ...fields });
const unload = (served: Served, name: string): Promise<Response> =>
  served.send('/v1/unload_lora_adapter', { lora_name: name });

async function answer(served: Served, model: string, fields: object = {}): Promise<string> {
  const response = await served.send('/v1/chat/completions', chat({ model, ...fields }));
  if (response.status !== 200) return `${response.status}`;
  const { model: said, choices } = (await response.json()) as {
    model: string;
    choices: { message: { content: string } }[];
  };
  expect(said).toBe(model);
  return choices[0]?.message.content ?? '';
}

const message = async (response: Promise<Response>): Promise<string> => {
  const { status } = await response;
  const { error } = (await (await response).json()) as { error: { message: string; code: string } };
  return `${status} ${error.code}: ${error.message}`;
};

describe('an adapter', () => {
  it('answers under its own name, otherwise than the model and than another', async () => {
    const served = await serve(places(2));
    const before = await answer(served, 'tiny');
    expect(await answer(served, 'tone')).toBe('404');
    expect((await load(served, 'tone')).status).toBe(200);
    expect((await load(served, 'other')).status).toBe(200);
    const said = [await answer(served, 'tiny'), await answer(served, 'tone'), await answer(served, 'other')];
    expect(new Set(said).size).toBe(3);
    expect(said[0]).toBe(before);
    expect(await answer(served, 'tone', { n: 3 })).toBe(said[1]);
  });

  it('is listed beside the model that it belongs to, and in the load report', async () => {
    const served = await serve({
      ...places(2),
      config: { adapters: { places: 2, rankMax: 8, namesMax: 9, list: [{ name: 'first', uri: 'file:///a' }] } },
    });
    await load(served, 'tone');
    const { data } = (await (await served.app.request('/v1/models')).json()) as { data: object[] };
    expect(data).toMatchObject([
      { id: 'tiny' },
      { id: 'first', parent: 'tiny' },
      { id: 'tone', parent: 'tiny', status: 'ready' },
    ]);
    expect(data[0]).not.toHaveProperty('parent');
    expect(served.service.report().adapters).toEqual(['first', 'tone']);
    await unload(served, 'tone');
    expect(served.service.report().adapters).toEqual(['first']);
    expect(await answer(served, 'tone')).toBe('404');
  });

  it('has metrics of its own beside the model’s, as long as it is loaded', async () => {
    const served = await serve(places(2));
    const metric = (series: string): Promise<number | undefined> => metricOf(served, `qwenfleet_runtime_${series}`);
    for (const name of ['tone', 'other', 'third']) await load(served, name);
    await load(served, 'tone');
    const asked = { max_tokens: 5, logit_bias: { 27: -100 } };
    for (const model of ['tone', 'other', 'tiny', 'tone', 'auto', 'third']) await answer(served, model, asked);
    const bad = await served.send('/v1/chat/completions', chat({ model: 'tone', max_tokens: 9_999 }));
    expect(bad.status).toBe(400);
    const left = new AbortController();
    const body = JSON.stringify(chat({ model: 'other', ...asked, max_tokens: 100, stream: true }));
    const stream = await served.app.request('/v1/chat/completions', { method: 'POST', body, signal: left.signal });
    await stream.body?.getReader().read();
    left.abort();
    await expect.poll(() => served.engine.stats().running, { interval: 1 }).toBe(0);

    expect(await metric('requests_by_model_total{model="tone",outcome="ok"}')).toBe(2);
    expect(await metric('requests_by_model_total{model="tone",outcome="error"}')).toBe(1);
    expect(await metric('requests_by_model_total{model="other",outcome="ok"}')).toBe(1);
    expect(await metric('requests_by_model_total{model="other",outcome="cancelled"}')).toBe(1);
    expect(await metric('requests_by_model_total{model="tiny",outcome="ok"}')).toBe(2);
    expect(await metric('tokens_by_model_total{model="tone",type="completion"}')).toBe(10);
    expect(await metric('tokens_by_model_total{model="tiny",type="completion"}')).toBe(10);
    const prompt = await metric('tokens_by_model_total{model="third",type="prompt"}');
    expect(prompt).toBeGreaterThan(0);
    expect(await metric('tokens_by_model_total{model="tone",type="prompt"}')).toBe(2 * (prompt ?? 0));
    expect(await metric('adapters{state="named"}')).toBe(3);
    expect(await metric('adapters{state="resident"}')).toBe(2);
    // In the order of requests: tone, other, third in place of the one longest unused, other again.
    expect(await metric('adapter_events_total{event="placed"}')).toBe(4);
    expect(await metric('adapter_events_total{event="loaded"}')).toBe(3);

    await unload(served, 'tone');
    expect(await answer(served, 'tone')).toBe('404');
    const all = await (await served.app.request('/metrics')).text();
    expect(all).not.toContain('tone');
    expect(await metric('adapter_events_total{event="unloaded"}')).toBe(1);
    expect(await metric('adapters{state="named"}')).toBe(2);
  });

  it('does not use what another has computed of the same prompt', async () => {
    const served = await serve(places(2));
    await load(served, 'tone');
    const long = { messages: [{ role: 'user', content: 'the same words again and again '.repeat(3) }] };
    const cached = async (model: string): Promise<number> => {
      const response = await served.send('/v1/chat/completions', chat({ model, ...long }));
      const { usage } = (await response.json()) as { usage: { prompt_tokens_details?: { cached_tokens: number } } };
      return usage.prompt_tokens_details?.cached_tokens ?? 0;
    };
    expect(await cached('tiny')).toBe(0);
    expect(await cached('tone')).toBe(0);
    expect(await cached('tiny')).toBeGreaterThan(16);
    expect(await cached('tone')).toBeGreaterThan(16);
  });

  it('is loaded and unloaded while streams run, which go on to their end', async () => {
    const served = await serve({ ...places(2), stepMs: () => 1 });
    await load(served, 'tone');
    const wanted = await answer(served, 'tone');
    const stream = served.send('/v1/chat/completions', chat({ model: 'tone', stream: true }));
    const base = answer(served, 'tiny');
    expect((await unload(served, 'tone')).status).toBe(200);
    expect(await answer(served, 'tone')).toBe('404');
    await load(served, 'tone', { lora_path: 'file:///adapters/another' });
    const another = await answer(served, 'tone');
    const events = (await eventsOf(await stream)) as { choices: { delta: { content?: string } }[] }[];
    expect(events.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(wanted);
    expect(another).not.toBe(wanted);
    expect(await base).toBe(await answer(served, 'tiny'));
  });

  it('that a client has left does not lose its place within a step', async () => {
    const served = await serve({ ...places(1), stepMs: () => 5 });
    await load(served, 'tone');
    await load(served, 'other');
    const wanted = await answer(served, 'other');
    for (let round = 0; round < 5; round += 1) {
      const left = new AbortController();
      const body = chat({ model: 'tone', stream: true, max_tokens: 100 });
      const response = await served.send('/v1/chat/completions', body, { signal: left.signal });
      const reader = response.body?.getReader();
      await reader?.read();
      left.abort();
      await reader?.cancel();
      // The fake backend refuses to write to a place that a step reads.
      expect(await answer(served, 'other')).toBe(wanted);
    }
  });
});

describe('fifty adapters over eight places', () => {
  it('answer under load as each does alone', async () => {
    const served = await serve({ ...places(8), slots: 8 });
    const names = Array.from({ length: 50 }, (_, index) => `adapter-${index}`);
    for (const name of names) await load(served, name);
    const alone = new Map<string, string>();
    for (const name of [...names, 'tiny']) alone.set(name, await answer(served, name));
    // Some begin with the token that ends an answer.
    expect(new Set(alone.values()).size).toBeGreaterThan(40);
    const asked = Array.from({ length: 102 }, (_, index) => names[(index * 7) % 51] ?? 'tiny');
    const answers = await Promise.all(asked.map((name) => answer(served, name)));
    expect(answers).toEqual(asked.map((name) => alone.get(name)));
    expect(served.service.report().queued).toBe(0);
  });

  it('let no more wait than may', async () => {
    const served = await serve({ ...places(1), queueMax: 1, stepMs: () => 5 });
    for (const name of ['a', 'b', 'c', 'd']) await load(served, name);
    const answers = Promise.all(['a', 'b', 'c'].map((name) => answer(served, name)));
    await expect.poll(() => served.service.report().queued).toBe(1);
    expect((await answers).filter((each) => each === '429')).toHaveLength(1);
  });

  it('give up their turn when their client leaves', async () => {
    const served = await serve({ ...places(1), stepMs: () => 5 });
    for (const name of ['a', 'b', 'c']) await load(served, name);
    const wanted = [await answer(served, 'a'), await answer(served, 'c')];
    const first = answer(served, 'a');
    const left = new AbortController();
    const second = served.send('/v1/chat/completions', chat({ model: 'b' }), { signal: left.signal });
    await expect.poll(() => served.service.report().queued).toBe(1);
    const third = answer(served, 'c');
    left.abort();
    expect((await second).status).toBe(499);
    expect(await Promise.all([first, third])).toEqual(wanted);
  });
});

describe('loading an adapter', () => {
  it.each<[string, object, string]>([
    ['without a name', { lora_name: '' }, '400 invalid_request: lora_name'],
    ['with a field that nobody knows', { lora_int_id: 3 }, '400 invalid_request: '],
    ['that is broken', { lora_path: 'file:///broken' }, '400 invalid_model: adapter "x": it is broken.'],
    [
      'of too large a rank',
      { lora_path: 'file:///rank' },
      '400 unsupported_model: Adapter "x" has rank 64, and adapters.rankMax is 8. Raise it',
    ],
    ['under the model’s own name', { lora_name: 'tiny' }, '409 conflict: "tiny" is the model\'s own name'],
    ['under the name of the router’s choice', { lora_name: 'auto' }, '409 conflict: "auto" is'],
    [
      'under a name that is another’s',
      { lora_name: 'tone', lora_path: 'file:///else' },
      '409 conflict: There is another adapter "tone". Unload it first',
    ],
  ])('%s is refused, and nothing changes', async (_, fields, wanted) => {
    const served = await serve(places(2));
    await load(served, 'tone');
    expect(await message(load(served, 'x', fields))).toContain(wanted);
    expect(served.service.report().adapters).toEqual(['tone']);
  });

  it('again is no change', async () => {
    const served = await serve(places(2));
    expect([(await load(served, 'tone')).status, (await load(served, 'tone')).status]).toEqual([200, 200]);
    expect(served.service.report().adapters).toEqual(['tone']);
  });

  it('beyond as many as may have names is refused', async () => {
    const served = await serve(places(1));
    for (let index = 0; index < 60; index += 1) expect((await load(served, `a${index}`)).status).toBe(200);
    expect(await message(load(served, 'one-more'))).toMatch(/^409 conflict: There are 60 adapters.*namesMax/);
  });

  it('takes the path of a folder, as vLLM does', async () => {
    const served = await serve(places(1));
    await load(served, 'tone', { lora_path: '/adapters/my tone' });
    const { served: model } = served.models[0]?.loaded ?? {};
    expect(model?.task === 'generate' ? model.adapters?.references : []).toEqual([
      { name: 'tone', uri: 'file:///adapters/my%20tone' },
    ]);
  });

  it('where there is no memory for any says how to get some', async () => {
    expect(await message(load(await serve(), 'tone'))).toMatch(/^400 unsupported: .*with adapters configured/);
    expect(await message(unload(await serve(), 'tone'))).toMatch(/^400 unsupported/);
  });

  it('is for administrators', async () => {
    const { app } = await serve(places(1));
    const stranger = { incoming: { socket: { remoteAddress: '10.0.0.7' } } };
    for (const path of ['/v1/load_lora_adapter', '/v1/unload_lora_adapter'])
      expect((await app.request(path, { method: 'POST', body: '{}' }, stranger)).status).toBe(403);
  });

  it('of no name unloads nothing', async () => {
    const served = await serve(places(1));
    await load(served, 'tone');
    expect(await message(unload(served, 'other'))).toMatch(/^404 model_not_found: lora_name: .*these are loaded: tone/);
  });
});

describe('a hot update', () => {
  it('keeps the adapters that there are by then', async () => {
    const served = await serve({
      ...places(2),
      config: { adapters: { places: 2, rankMax: 8, namesMax: 9, list: [{ name: 'first', uri: 'file:///a' }] } },
    });
    await load(served, 'tone');
    await unload(served, 'first');
    const before = await answer(served, 'tone');
    served.service.update({ uri: 'file:///y' });
    expect(await message(load(served, 'late'))).toMatch(/^409 conflict: A hot update is under way/);
    expect(await message(unload(served, 'tone'))).toMatch(/^409 conflict/);
    await expect.poll(() => served.service.report().generation).toBe(2);
    expect(served.service.report().adapters).toEqual(['tone']);
    expect(await answer(served, 'tone')).toBe(before);
  });
});
