import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post, streamChat, user } from '../harness/chat.ts';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';

type Explanation = {
  pool: string;
  reason: string;
  words: string;
  pools: { name: string; p: number; cost: number; waitMs: number; eligible: boolean }[];
  features: Record<string, unknown>;
};

const easy = ['Hello, how are you?', 'What is the capital of Italy?', '你好，今天怎么样？', '中国的首都是哪里？'];
const hard = [
  'Prove that there are infinitely many primes congruent to 3 modulo 4, then generalise the argument and say where it breaks.',
  'Write a Rust program that parses a CSV file, builds an index over two columns, and answers range queries concurrently. Explain the complexity of each step and handle malformed rows.',
  '请证明根号二加根号三是无理数，并把结论推广到任意两个不同素数的平方根之和，写出每一步的推导。',
  '用 Python 实现一个支持并发写入的 LRU 缓存，要求所有操作 O(1)，给出单元测试，并分析锁竞争下的性能。',
];
const silent = ['yes', 'asdf qwer', '...', '42'];

let fleet: RunningFleet;
beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(async () => {
  await fleet.stop();
});

async function explain(content: string): Promise<Explanation> {
  const { status, body } = await post(`${fleet.url}/v1/route/explain`, { model: 'auto', messages: [user(content)] });
  expect(status).toBe(200);
  return body as unknown as Explanation;
}

describe('model auto', () => {
  it.each(easy)('sends %j to the small pool', async (content) => {
    expect((await explain(content)).pool).toBe('small');
  });

  it.each(hard)('sends %j to the large pool', async (content) => {
    expect((await explain(content)).pool).toBe('large');
  });

  it.each(silent)('sends %j, which says nothing, to the middle', async (content) => {
    expect(await explain(content)).toMatchObject({ pool: 'medium', reason: 'no-signal' });
  });

  it('answers where it said it would, and says so in the headers', async () => {
    const { pool } = await explain('Hello!');
    const answer = await streamChat(fleet.url, { model: 'auto', messages: [user('Hello!')], max_tokens: 4 });
    expect(answer.headers.get('x-qwenfleet-pool')).toBe(pool);
    expect(answer.headers.get('x-qwenfleet-decision')).toBeTruthy();
  });

  it('explains itself: a chance and a price for every pool, the reason in words, the features', async () => {
    const explanation = await explain(hard[0] ?? '');
    expect(explanation.pools.map((pool) => pool.name).toSorted()).toEqual(['large', 'medium', 'small']);
    for (const { p, cost, waitMs } of explanation.pools) {
      expect(p).toBeGreaterThan(0);
      expect(p).toBeLessThan(1);
      expect(cost).toBeGreaterThan(0);
      expect(waitMs).toBeGreaterThanOrEqual(0);
    }
    expect(explanation.words.split(' ').length).toBeGreaterThan(5);
    expect(Object.keys(explanation.features).length).toBeGreaterThan(0);
  });

  it('dispatches nothing when it is only asked to explain', async () => {
    const before = await fleet.pools();
    await explain(easy[0] ?? '');
    const after = await fleet.pools();
    expect(after.map((pool) => pool.inFlight)).toEqual(before.map((pool) => pool.inFlight));
  });
});
