import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRouter, type TestRouter } from '../harness/router.ts';
import { refuses, serveUpstream, type Upstream } from '../harness/upstream.ts';

let router: TestRouter;
let upstreams: Upstream[];
const keyOf = (id: string, scopes?: object) => ({
  id,
  sha256: createHash('sha256').update(`sk-${id}`).digest('hex'),
  ...(scopes ? { scopes } : {}),
});
beforeAll(async () => {
  upstreams = await Promise.all([1, 2, 3].map(() => serveUpstream()));
  const [small, large, vectors] = upstreams.map(({ url }) => [url]);
  router = await startRouter(
    [
      { config: { name: 'small', models: ['Qwen/Qwen3-8B'] }, servers: small ?? [] },
      {
        config: { name: 'large', tier: 'large', costPerToken: 1, models: ['tuned'], adapters: ['tuned'] },
        servers: large ?? [],
      },
      { config: { name: 'vectors', task: 'embed' }, servers: vectors ?? [] },
    ],
    {
      keys: [
        keyOf('all'),
        keyOf('small', { models: ['small'] }),
        keyOf('tuned', { models: ['tuned'] }),
        keyOf('nothing', { models: [] }),
      ],
    },
  );
});
afterAll(async () => {
  await router.close();
  await Promise.all(upstreams.map((each) => each.close()));
});

const as = (client: string) => ({ headers: { authorization: `Bearer sk-${client}` } });
const chatAs = async (client: string, model: string) => {
  const answer = await router.chat({ model }, as(client));
  await answer.body?.cancel();
  return [answer.status, answer.headers.get('x-qwenfleet-pool')];
};
const idsOf = async (client: string) => {
  const listed = (await (await fetch(`${router.url}/v1/models`, as(client))).json()) as { data: { id: string }[] };
  return listed.data.map(({ id }) => id);
};

describe('a key for one pool', () => {
  it('asks for it by every name that it has', async () => {
    expect(await chatAs('small', 'small')).toEqual([200, 'small']);
    expect(await chatAs('small', 'Qwen/Qwen3-8B')).toEqual([200, 'small']);
  });

  it('is refused at every other, and at what is not there, with the same answer', async () => {
    for (const model of ['large', 'tuned', 'vectors', 'gpt-5']) {
      const answer = await router.chat({ model }, as('small'));
      expect([answer.status, answer.headers.get('x-should-retry')]).toEqual([403, 'false']);
      expect(await answer.json()).toEqual({
        error: {
          message: `model: this key may not ask for "${model}"; it is for small.`,
          type: 'permission_error',
          param: 'model',
          code: 'forbidden',
        },
      });
    }
    expect((await router.post('/v1/completions', { model: 'large', prompt: 'x' }, as('small'))).status).toBe(403);
    expect((await router.post('/v1/embeddings', { model: 'vectors', input: 'x' }, as('small'))).status).toBe(403);
    expect((await router.post('/v1/embeddings', { model: 'auto', input: 'x' }, as('small'))).status).toBe(404);
  });

  it('has auto choose among no others, also when its own fails', async () => {
    const hard = { messages: [{ role: 'user', content: 'Prove that there are infinitely many primes. Explain why.' }] };
    expect(await chatAs('small', 'auto')).toEqual([200, 'small']);
    upstreams[0]?.script(refuses(500));
    const [, large] = upstreams;
    const before = large?.calls.length;
    const answer = await router.chat({ model: 'auto', ...hard }, as('small'));
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(large?.calls.length).toBe(before);
    expect((await router.chat({ model: 'auto', ...hard }, as('all'))).headers.get('x-qwenfleet-pool')).toBe('large');
  });

  it('sees no others in any list or explanation', async () => {
    expect(await idsOf('small')).toEqual(['auto', 'small', 'Qwen/Qwen3-8B']);
    expect((await fetch(`${router.url}/v1/models/large`, as('small'))).status).toBe(404);
    expect((await fetch(`${router.url}/v1/models/small`, as('small'))).status).toBe(200);
    const body = { model: 'auto', messages: [{ role: 'user', content: 'x' }] };
    const texts = [
      await (await fetch(`${router.url}/v1/pools`, as('small'))).text(),
      await (await router.post('/v1/route/explain', body, as('small'))).text(),
      await (await router.post('/v1/route/explain', { ...body, model: 'small' }, as('small'))).text(),
    ];
    for (const text of texts) {
      expect(text).toContain('"name":"small"');
      expect(text).not.toContain('"name":"large"');
    }
  });
});

describe('a key for one name of a model', () => {
  it('asks for that and nothing else, and has nothing that auto could choose', async () => {
    expect(await chatAs('tuned', 'tuned')).toEqual([200, 'large']);
    expect(await chatAs('tuned', 'large')).toEqual([403, null]);
    expect(await chatAs('tuned', 'auto')).toEqual([403, null]);
    expect(await idsOf('tuned')).toEqual(['tuned']);
  });
});

describe('a key for nothing', () => {
  it('asks for nothing', async () => {
    for (const model of ['auto', 'small', 'gpt-5']) expect(await chatAs('nothing', model)).toEqual([403, null]);
    expect(await idsOf('nothing')).toEqual([]);
  });
});
