import path from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFleet, type RunningFleet } from '../harness/fleet.ts';
import { root } from '../house/imports.ts';

let fleet: RunningFleet;
let client: OpenAI;
beforeAll(async () => {
  fleet = await startFleet({ args: ['--fleet', path.join(root, 'examples/embeddings.yaml')] });
  client = new OpenAI({ baseURL: `${fleet.url}/v1`, apiKey: 'none' });
});
afterAll(async () => {
  await fleet?.stop();
});

const model = 'all-minilm-l6-v2';
async function vectorsOf(input: string | string[], format?: 'float' | 'base64'): Promise<number[][]> {
  const { data } = await client.embeddings.create({ model, input, ...(format ? { encoding_format: format } : {}) });
  expect(data.map(({ index }) => index)).toEqual(data.map((_, at) => at));
  return data.map(({ embedding }) => embedding);
}

function cosine(a: readonly number[] = [], b: readonly number[] = []): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const pairs = [
  ['How do I reset my password?', 'I forgot my password and need a new one.'],
  ['The cat sleeps on the sofa.', 'A cat is napping on the couch.'],
  ['The stock market fell sharply today.', 'Share prices dropped a lot this afternoon.'],
] as const;

describe('embeddings through the router, by the official client', () => {
  it('lie closer for paraphrases than for any two sentences that have nothing to do with each other', async () => {
    const vectors = await vectorsOf(pairs.flat());
    expect(vectors).toHaveLength(6);
    const similar = pairs.map((_, at) => cosine(vectors[2 * at], vectors[2 * at + 1]));
    const unrelated = vectors.flatMap((vector, at) =>
      vectors.filter((_, other) => other > at && other >> 1 !== at >> 1).map((other) => cosine(vector, other)),
    );
    const [least, most] = [Math.min(...similar), Math.max(...unrelated)];
    process.stdout.write(`paraphrases at least ${least.toFixed(2)}, unrelated at most ${most.toFixed(2)}\n`);
    expect(unrelated).toHaveLength(12);
    expect(least).toBeGreaterThan(most + 0.2);
  });

  it('come in the order of the inputs, each as if it had been alone', async () => {
    const inputs = pairs.flat();
    const [batch, alone] = [await vectorsOf(inputs), await Promise.all(inputs.map((input) => vectorsOf(input)))];
    for (const [at, vector] of batch.entries()) expect(cosine(vector, alone[at]?.[0])).toBeGreaterThan(0.999);
  });

  it('are the same numbers as floats and in base64, and have length one', async () => {
    const [asFloat] = await vectorsOf('The same sentence.', 'float');
    const raw = await fetch(`${fleet.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', input: 'The same sentence.', encoding_format: 'base64' }),
    });
    const { data } = (await raw.json()) as { data: { embedding: string }[] };
    const bytes = Buffer.from(data[0]?.embedding ?? '', 'base64');
    const decoded = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
    expect(decoded).toHaveLength(384);
    expect(asFloat).toHaveLength(384);
    for (const [at, value] of decoded.entries()) expect(value).toBeCloseTo(asFloat?.[at] ?? NaN, 6);
    expect(Math.hypot(...decoded)).toBeCloseTo(1, 4);
  });

  it('count their tokens', async () => {
    const { usage } = await client.embeddings.create({ model, input: ['one', 'two words'] });
    expect(usage.prompt_tokens).toBeGreaterThan(2);
    expect(usage.total_tokens).toBe(usage.prompt_tokens);
  });

  it('are what this fleet is for: a chat is refused with where to go', async () => {
    const chat = client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello' }] });
    await expect(chat).rejects.toMatchObject({ status: 400, code: 'unsupported' });
    await expect(chat).rejects.toThrow(/POST \/v1\/embeddings/);
  });
});
