import { setTimeout as sleep } from 'node:timers/promises';
import { seededRng, type Rng } from '@qwenfleet/core/rng';
import { post, streamChat, user } from './chat.ts';
import { endingOf, endingOfWhole, type Ended } from './ending.ts';
import { eightPrompts } from './prompts.ts';

export type LoadOptions = {
  url: string;
  /** Decides what each worker asks, in order. */
  seed: number;
  workers: number;
  /** As long as this, and until so many have been asked: a slow machine takes longer. */
  forMs: number;
  requestsMin?: number;
  /** Of so many requests one is given up by its client; none when left out. */
  abortEvery?: number;
  /** Asked for in turn, at random; the demo's pools when left out. */
  models?: readonly string[];
};

export type Asked = Ended & { model: string; startedMs: number; endedMs: number; abandoned: boolean };

const demoModels = ['auto', 'small', 'medium', 'large'] as const;
const wholeShare = 0.2;
const tokensMaxMin = 4;
const tokensMaxMax = 40;
/** A worker that was turned away waits a little, as clients do. */
const pauseMs = 100;

/** Workers that ask one thing after another, streamed and whole, of every pool. Resolves when all have ended. */
export async function runLoad(options: LoadOptions): Promise<Asked[]> {
  const untilMs = performance.now() + options.forMs;
  const shared = { count: 0, goesOn: () => performance.now() < untilMs || shared.count < (options.requestsMin ?? 0) };
  const workers = Array.from({ length: options.workers }, (_, index) => work(options, index, shared));
  return (await Promise.all(workers)).flat();
}

type Shared = { count: number; goesOn: () => boolean };

async function work(options: LoadOptions, index: number, shared: Shared): Promise<Asked[]> {
  const { seed, abortEvery } = options;
  const rng = seededRng(seed + index);
  const asked: Asked[] = [];
  while (shared.goesOn()) {
    shared.count += 1;
    const abandons = abortEvery !== undefined && shared.count % abortEvery === 0;
    const one = await askOne(options, rng, abandons);
    asked.push(one);
    if (one.ending === 'refused' || one.ending === 'broken') await sleep(pauseMs);
  }
  return asked;
}

async function askOne({ url, models = demoModels }: LoadOptions, rng: Rng, abandons: boolean): Promise<Asked> {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(rng() * values.length)] as T;
  const model = pick(models);
  const body = {
    model,
    messages: [user(`${pick(eightPrompts)} ${'Think of it. '.repeat(Math.floor(rng() * 20))}`)],
    temperature: pick([0, 0.8]),
    seed: Math.floor(rng() * 1e6),
    max_tokens: Math.round(tokensMaxMin + rng() * (tokensMaxMax - tokensMaxMin)),
  };
  const isWhole = rng() < wholeShare;
  const atFirstText = rng() < 0.5;
  const left = new AbortController();
  const leave = (): void => {
    if (abandons) left.abort();
  };
  const startedMs = performance.now();
  const early = abandons && (isWhole || !atFirstText) ? setTimeout(leave, rng() * 200) : undefined;
  const ended = isWhole
    ? await endingOfWhole(post(`${url}/v1/chat/completions`, body, left.signal))
    : await endingOf(streamChat(url, body, left.signal, leave));
  clearTimeout(early);
  return { ...ended, model, startedMs, endedMs: performance.now(), abandoned: left.signal.aborted };
}
