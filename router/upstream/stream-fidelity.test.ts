import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultOfRelay } from '../harness/relayed.ts';
import { endpointsOf, startRouter, type TestRouter } from '../harness/router.ts';
import { faultOf, faultOfBroken, streamCase, type StreamCase } from '../harness/stream-fuzz.ts';
import { beginStream, serveUpstream, type Upstream } from '../harness/upstream.ts';

const describeCase = ({ seed, words }: StreamCase, fault: string): string => `seed ${seed} (${words}): ${fault}`;

describe('any stream of a pool, however it is split, cut or spoilt', () => {
  it('comes out byte for byte, or as far as it is whole and then with an error', async () => {
    const faults: string[] = [];
    for (let seed = 1; seed <= 3_000; seed += 1) {
      const given = streamCase(seed);
      if (given.pieces.length === 0) continue;
      const fault = await faultOfRelay(given);
      if (fault !== undefined) faults.push(describeCase(given, fault));
    }
    expect(faults).toEqual([]);
  });
});

describe('over real connections', () => {
  let router: TestRouter;
  let upstream: Upstream;
  let given: StreamCase;
  /** A replica that broke is left alone for a while, which is not what is looked at here: each stream has its own. */
  const play = (seed: number): void => {
    given = streamCase(seed);
    const endpoints = [{ id: `replica-${seed}`, url: upstream.url, state: 'ready' as const }];
    router.tell({ small: { ...endpointsOf([upstream.url]), endpoints } });
  };
  beforeAll(async () => {
    upstream = await serveUpstream(async ({ response }) => {
      beginStream(response);
      for (const piece of given.pieces) await new Promise<unknown>((done) => response.write(piece, done));
      if (given.end === 'breaks') response.socket?.resetAndDestroy();
      else response.end();
    });
    router = await startRouter([{ servers: [upstream.url] }], { retry: { attemptsMax: 1 } });
  });
  afterAll(async () => {
    await router.close();
    await upstream.close();
  });

  it('it does too', async () => {
    const faults: string[] = [];
    for (let seed = 1; seed <= 300; seed += 1) {
      play(seed);
      const answer = await router.chat({ stream: true });
      const out = Buffer.from(await answer.arrayBuffer());
      // Nothing had come by then, so the error has a status of its own.
      if (answer.status !== 200) {
        expect(answer.status, `seed ${seed}`).toBe(502);
        expect(JSON.parse(out.toString()), `seed ${seed}`).toHaveProperty('error.code');
        continue;
      }
      const fault = given.end === 'breaks' ? faultOfBroken(given, out) : faultOf(given, out);
      if (fault !== undefined) faults.push(describeCase(given, fault));
    }
    expect(faults).toEqual([]);
  });

  it('the official client never takes a broken stream for a whole one', async () => {
    const client = new OpenAI({ baseURL: `${router.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const silent: string[] = [];
    for (let seed = 1_001; seed <= 1_100; seed += 1) {
      play(seed);
      const sent = Buffer.concat([...given.pieces]).toString('latin1');
      const finished = /(^|\n)data: ?\[DONE\]\s*(\n|$)/.test(sent);
      const ended = await read(client).then(
        () => 'well',
        () => 'in an error',
      );
      if (ended === 'well' && !finished) silent.push(describeCase(given, 'it seemed whole'));
    }
    expect(silent).toEqual([]);
  });
});

async function read(client: OpenAI): Promise<void> {
  const messages = [{ role: 'user' as const, content: 'x' }];
  for await (const _ of await client.chat.completions.create({ model: 'small', messages, stream: true }));
}
