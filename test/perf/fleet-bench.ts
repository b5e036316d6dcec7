import { streamChat, user, type StreamedChat } from '../harness/chat.ts';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';
import { eightPrompts } from '../harness/prompts.ts';
import { replicaOf } from '../harness/replicas.ts';
import { median, spreadOf, type Spread } from '../harness/statistics.ts';

export type BenchOptions = { rounds: number; tokens: number; onRound?: (round: number) => void };

/** One way of asking a pool, over every round. */
export type BenchRow = {
  pool: string;
  /** Through the router, or straight to the runtime. */
  via: 'router' | 'direct';
  streams: number;
  /** From request to first token, median of the streams of a round. */
  ttftMs: Spread;
  /** All streams of a round together. */
  tokensPerSecond: Spread;
  answers: number;
  failures: number;
};

const pools = ['small', 'medium', 'large'] as const;
const streamCounts = [1, eightPrompts.length] as const;

type Case = Pick<BenchRow, 'pool' | 'via' | 'streams'> & { url: string };
type Sample = { ttftMs: number; tokensPerSecond: number; failures: number };

/**
 * Asks each pool through the router and directly, with one stream and with eight. Every round takes every case once, so
 * that a busy moment of the machine falls on all of them alike.
 */
export async function benchFleet({ rounds, tokens, onRound }: BenchOptions): Promise<BenchRow[]> {
  const fleet = await startFleet();
  try {
    const cases = await casesOf(fleet);
    for (const one of cases) await sampleOf(one, 4);
    const samples = cases.map((): Sample[] => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [at, one] of cases.entries()) samples[at]?.push(await sampleOf(one, tokens));
      onRound?.(round + 1);
    }
    return cases.map((one, at) => rowOf(one, samples[at] ?? []));
  } finally {
    await fleet.stop();
  }
}

async function casesOf(fleet: RunningFleet): Promise<Case[]> {
  const cases: Case[] = [];
  for (const pool of pools) {
    const { url } = await replicaOf(fleet, pool);
    for (const streams of streamCounts) {
      cases.push({ pool, via: 'router', streams, url: fleet.url }, { pool, via: 'direct', streams, url });
    }
  }
  return cases;
}

async function sampleOf({ pool, streams, url }: Case, tokens: number): Promise<Sample> {
  const startedMs = performance.now();
  const asked = eightPrompts.slice(0, streams).map(async (prompt) => {
    const body = { model: pool, messages: [user(prompt)], temperature: 0, max_tokens: tokens };
    const answer = await streamChat(url, { ...body, stream_options: { include_usage: true } });
    const { firstTokenMs, done, error } = answer;
    return { ttftMs: firstTokenMs ?? Number.NaN, tokens: tokensOf(answer), failed: !done || error !== undefined };
  });
  const answers = await Promise.all(asked);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    ttftMs: median(answers.map(({ ttftMs }) => ttftMs)),
    tokensPerSecond: answers.reduce((sum, answer) => sum + answer.tokens, 0) / seconds,
    failures: answers.filter(({ failed }) => failed).length,
  };
}

/** From the usage chunk at the end. */
function tokensOf({ chunks }: StreamedChat): number {
  // Parsed JSON in OpenAI's shape.
  const { usage } = chunks.at(-1) as { usage?: { completion_tokens?: number } | null };
  return usage?.completion_tokens ?? 0;
}

function rowOf({ pool, via, streams }: Case, samples: readonly Sample[]): BenchRow {
  return {
    pool,
    via,
    streams,
    ttftMs: spreadOf(samples.map(({ ttftMs }) => ttftMs)),
    tokensPerSecond: spreadOf(samples.map(({ tokensPerSecond }) => tokensPerSecond)),
    answers: samples.length * streams,
    failures: samples.reduce((sum, { failures }) => sum + failures, 0),
  };
}
