import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { poolsMax } from '@qwenfleet/core/fleet/router-config';
import { Agent, request } from 'undici';
import { startCollector } from '../../harness/collector.ts';
import { median, spreadOf, type Spread } from '../../harness/statistics.ts';
import { keyOf, poolOf, type RouterAsked, type RouterSaid } from './asked.ts';

export type Watched = 'nothing' | 'metrics' | 'traces of 1 %' | 'traces of all';
export type ObservedReport = {
  /** CPU time of one request in the router, in microseconds, and what it is beyond that with nothing. */
  cpu: { watched: Watched; microseconds: Spread; morePercent: number }[];
  /** One answer of /metrics: its size, and its CPU time in the router. */
  exposition: { pools: number; keys: number; series: number; megabytes: number; milliseconds: Spread };
};
export type ObservedOptions = { rounds: number; requests: number; keys: number };

const concurrency = 8;
const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'up',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Paris.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 40, completion_tokens: 3, total_tokens: 43 },
});
const prompt = 'What is the capital of France, and which river goes through it? Answer in a short sentence, please. ';

/** Routers that watch more and more, each in a process of its own, in turns: what slows the machine slows all of them. */
export async function measureObserved({ rounds, requests, keys }: ObservedOptions): Promise<ObservedReport> {
  const [upstream, collector] = [await serve(), await startCollector()];
  const base = { upstream: upstream.url, metrics: true, pools: 3, keys: 1 };
  const traced = (sampleRatio: number): RouterAsked => ({ ...base, tracing: { endpoint: collector.url, sampleRatio } });
  const contenders: { watched: Watched; asked: RouterAsked; taken: number[] }[] = [
    { watched: 'nothing', asked: { ...base, metrics: false }, taken: [] },
    { watched: 'metrics', asked: base, taken: [] },
    { watched: 'traces of 1 %', asked: traced(0.01), taken: [] },
    { watched: 'traces of all', asked: traced(1), taken: [] },
  ];
  const routers = await Promise.all(
    contenders.map(async (each) => ({ ...each, router: await Router.start(each.asked) })),
  );
  try {
    // Until the compiler has seen everything.
    for (const { router } of routers) await router.ask(requests * 5, () => ({ model: 'auto', key: keyOf(0) }));
    for (let round = 0; round < rounds; round += 1) {
      for (const { router, taken } of round % 2 === 0 ? routers : routers.toReversed())
        taken.push(await router.cpuMicroseconds(requests));
    }
    const exposition = await measureExposition(upstream.url, keys);
    const bare = contenders[0]?.taken ?? [];
    const cpu = contenders.map(({ watched, taken }) => ({
      watched,
      microseconds: spreadOf(taken),
      // Round by round: what slowed one router of a round slowed the others.
      morePercent: 100 * (median(taken.map((each, round) => each / (bare[round] ?? Number.NaN))) - 1),
    }));
    return { cpu, exposition };
  } finally {
    for (const { router } of routers) router.stop();
    await Promise.all([upstream.close(), collector.close()]);
  }
}

/** As many pools as a router takes, and each client has asked one of them in each of two ways. */
async function measureExposition(upstream: string, keys: number): Promise<ObservedReport['exposition']> {
  const router = await Router.start({ upstream, metrics: true, pools: poolsMax, keys });
  try {
    const of = (index: number) => ({ model: poolOf(index % poolsMax), key: keyOf(index % keys) });
    await router.ask(keys, of);
    await router.ask(keys, (index) => ({ ...of(index), path: '/v1/completions', prompt }));
    const taken: number[] = [];
    let text = '';
    for (let turn = 0; turn < 15; turn += 1) {
      const before = await router.cpuMs();
      text = await (await request(`${router.url}/metrics`)).body.text();
      taken.push((await router.cpuMs()) - before);
    }
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
    return { pools: poolsMax, keys, series, megabytes: text.length / 1e6, milliseconds: spreadOf(taken) };
  } finally {
    router.stop();
  }
}

type Question = { model: string; key: string; path?: string; prompt?: string };

class Router {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #agent = new Agent({ connections: concurrency });

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(asked: RouterAsked): Promise<Router> {
    const child = fork(path.join(import.meta.dirname, 'router.ts'), [JSON.stringify(asked)], { execArgv: [] });
    // What router.ts says first.
    const [said] = (await once(child, 'message')) as [RouterSaid];
    if (!('url' in said)) throw new Error('the router did not say where it is');
    return new Router(child, said.url);
  }

  /** What each of so many requests takes of the router's CPU. */
  async cpuMicroseconds(requests: number): Promise<number> {
    const before = await this.cpuMs();
    await this.ask(requests, () => ({ model: 'auto', key: keyOf(0) }));
    return (1_000 * ((await this.cpuMs()) - before)) / requests;
  }

  async ask(requests: number, of: (index: number) => Question): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < requests) await this.#askOne(of(next++));
    };
    await Promise.all(Array.from({ length: concurrency }, work));
  }

  stop(): void {
    this.#child.kill('SIGKILL');
    void this.#agent.destroy();
  }

  async #askOne({ model, key, path: route = '/v1/chat/completions', prompt: text }: Question): Promise<void> {
    const what = text === undefined ? { messages: [{ role: 'user', content: prompt }] } : { prompt: text };
    const { statusCode, body } = await request(`${this.url}${route}`, {
      method: 'POST',
      dispatcher: this.#agent,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, ...what, max_tokens: 16 }),
    });
    const said = await body.text();
    if (statusCode !== 200) throw new Error(`the router answered ${statusCode}: ${said}`);
  }

  async cpuMs(): Promise<number> {
    const answered = once(this.#child, 'message');
    this.#child.send('cpu');
    const [said] = (await answered) as [RouterSaid];
    return 'cpuMs' in said ? said.cpuMs : Number.NaN;
  }
}

async function serve(): Promise<{ url: string; close: () => Promise<void> }> {
  const server: Server = createServer((incoming, response) => {
    incoming.resume().on('end', () => response.setHeader('content-type', 'application/json').end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
