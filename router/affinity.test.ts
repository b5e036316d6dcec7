import { describe, expect, it, onTestFinished } from 'vitest';
import { startRouter, type TestRouter } from './harness/router.ts';
import { serveUpstream, type Upstream } from './harness/upstream.ts';

type Settings = Record<string, unknown>;

/** A router before three servers, and where each request went. */
async function started(pool: Settings = {}, settings: Settings = {}, given?: readonly Upstream[]) {
  const servers = given ?? (await Promise.all([serveUpstream(), serveUpstream(), serveUpstream()]));
  // By their names replicas have their shares: with these, the ten subjects below reach all three.
  const named = servers.map(({ url }, at) => ({ url, id: `replica-${at}` }));
  const config = { concurrency: 16, routing: undefined, ...pool };
  const router = await startRouter([{ config, servers: named }], settings);
  onTestFinished(async () => {
    await router.close();
    if (!given) await Promise.all(servers.map(({ close }) => close()));
  });
  const counts = (): number[] => servers.map(({ calls }) => calls.length);
  const placeOf = async (ask: () => Promise<Response>): Promise<number> => {
    const before = counts();
    const response = await ask();
    expect(response.status).toBe(200);
    await response.text();
    return counts().findIndex((count, at) => count > before[at]!);
  };
  return { servers, router, placeOf };
}

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const subjects = ['ships', 'bees', 'bread', 'chess', 'rain', 'stars', 'trains', 'glass', 'salt', 'paper'];

/** The places of three turns of conversations about ten subjects. */
async function conversations(router: TestRouter, placeOf: (ask: () => Promise<Response>) => Promise<number>) {
  const places: number[][] = [];
  for (const subject of subjects) {
    const messages = [user(`Tell me of ${subject}.`)];
    const turns: number[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      turns.push(await placeOf(() => router.chat({ messages })));
      messages.push(assistant('Hello.'), user(`More of ${subject}, please: ${turn}.`));
    }
    places.push(turns);
  }
  return places;
}

describe('a conversation', () => {
  it('stays with the replica that has seen its first turn, and others go elsewhere', async () => {
    const { router, placeOf } = await started();
    const places = await conversations(router, placeOf);
    for (const turns of places) expect(new Set(turns).size).toBe(1);
    expect(new Set(places.map(([first]) => first)).size).toBe(3);
  });

  it('finds the same replica through another router', async () => {
    const { router, placeOf, servers } = await started();
    const other = await started({}, {}, servers);
    expect(await conversations(other.router, other.placeOf)).toEqual(await conversations(router, placeOf));
  });

  it('goes wherever there is least to do where that is asked for', async () => {
    const { router, placeOf } = await started({ routing: { strategy: 'LeastLoad' } });
    const places = await conversations(router, placeOf);
    expect(places.some((turns) => new Set(turns).size > 1)).toBe(true);
  });

  it('goes on elsewhere when its replica is gone', async () => {
    const { router, placeOf, servers } = await started();
    const ask = () => router.chat({ messages: [user('Tell me of ships.')] });
    const home = await placeOf(ask);
    await servers[home]!.close();
    const next = await placeOf(ask);
    expect(next).not.toBe(home);
    expect(await placeOf(ask)).toBe(next);
  });
});

describe('a session', () => {
  const session = { header: 'x-session-id' };
  const pool = { routing: { strategy: 'LeastLoad' } };
  const ask = (router: TestRouter, subject: string, name?: string, fields: Settings = {}) =>
    router.chat(
      { messages: [user(`Tell me of ${subject}.`)], ...fields },
      name === undefined ? {} : { headers: { 'x-session-id': name } },
    );

  it('has one replica, whatever its requests are about and however replicas are chosen', async () => {
    const { router, placeOf } = await started(pool, { session });
    const placesOf = async (name: string): Promise<number[]> => {
      const places: number[] = [];
      for (const subject of subjects) places.push(await placeOf(() => ask(router, subject, name)));
      return places;
    };
    const all = [await placesOf('a'), await placesOf('b'), await placesOf('c')];
    for (const places of all) expect(new Set(places).size).toBe(1);
  });

  it('may be named by the cache key of its requests', async () => {
    const { router, placeOf } = await started(pool, { session });
    const places: number[] = [];
    for (const subject of subjects)
      places.push(await placeOf(() => ask(router, subject, undefined, { prompt_cache_key: 'thread-7' })));
    expect(new Set(places).size).toBe(1);
    expect(await placeOf(() => ask(router, 'ships', 'thread-7'))).toBe(places[0]);
  });

  it('means nothing where sessions are not held together', async () => {
    const { router, placeOf } = await started(pool);
    const places: number[] = [];
    for (const subject of subjects) places.push(await placeOf(() => ask(router, subject, 'a')));
    expect(new Set(places).size).toBe(3);
  });
});
