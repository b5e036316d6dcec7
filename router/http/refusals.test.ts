import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRouter, type TestRouter } from '../harness/router.ts';
import { completes, deadUrl, serveUpstream, type Upstream } from '../harness/upstream.ts';

const key = 'a-key-of-some-length';
const sha256 = createHash('sha256').update(key).digest('hex');
const headers = { authorization: `Bearer ${key}` };

let router: TestRouter;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await serveUpstream();
  upstream.script(completes());
  router = await startRouter(
    [
      { config: { name: 'small' }, servers: [upstream.url] },
      { config: { name: 'dead', tier: 'large' }, servers: [await deadUrl()] },
    ],
    { keys: [{ id: 'one', sha256, quota: { requestsPerMinute: 4 } }] },
  );
});
afterAll(async () => {
  await router.close();
  await upstream.close();
});

const series = async (name: string): Promise<string[]> => {
  const { body } = await router.service.expose();
  return body.split('\n').filter((line) => line.startsWith(`qwenfleet_router_${name}_total{`));
};

describe('requests that are refused before a pool has them', () => {
  it('are counted by route, code and status, and nowhere else', async () => {
    await fetch(`${router.url}/v1/models`);
    await fetch(`${router.url}/v1/models/none`, { headers });
    await fetch(`${router.url}/v1/chat/completions`, { headers });
    for (const path of ['/wp-login.php', '/v1/secrets', '/v1/models2'])
      await fetch(`${router.url}${path}`, { headers });
    await router.post('/v1/embeddings', '{', { headers });
    await router.chat({ model: 'none' }, { headers });
    expect(await series('refusals')).toEqual([
      'qwenfleet_router_refusals_total{route="models",code="invalid_api_key",status="401"} 1',
      'qwenfleet_router_refusals_total{route="models",code="model_not_found",status="404"} 1',
      'qwenfleet_router_refusals_total{route="chat/completions",code="method_not_allowed",status="405"} 1',
      'qwenfleet_router_refusals_total{route="other",code="not_found",status="404"} 3',
      'qwenfleet_router_refusals_total{route="embeddings",code="invalid_json",status="400"} 1',
      'qwenfleet_router_refusals_total{route="chat/completions",code="model_not_found",status="404"} 1',
    ]);
    expect(await series('requests')).toEqual([]);
  });

  it('are not those that a pool fails, and not those that are answered', async () => {
    const before = await series('refusals');
    expect((await router.chat({}, { headers })).status).toBe(200);
    expect((await router.chat({ model: 'dead' }, { headers })).status).toBe(503);
    await fetch(`${router.url}/metrics`);
    await fetch(`${router.url}/v1/chat/completions`, { method: 'OPTIONS' });
    expect(await series('refusals')).toEqual(before);
    expect(await series('requests')).toHaveLength(2);
  });

  it('are those whose key has used up its quota', async () => {
    const statuses = [];
    for (let turn = 0; turn < 4; turn += 1) statuses.push((await router.chat({}, { headers })).status);
    expect(statuses.at(-1)).toBe(429);
    const limited = (await series('refusals')).filter((line) => line.includes('rate_limited'));
    expect(limited).toEqual([
      `qwenfleet_router_refusals_total{route="chat/completions",code="rate_limited",status="429"} ${statuses.filter((status) => status === 429).length}`,
    ]);
  });
});
