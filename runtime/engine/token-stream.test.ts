import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rejection } from '../fixtures/generation.ts';
import type { GenerationEnd } from './generation.ts';
import { TokenStream } from './token-stream.ts';

const end: GenerationEnd = {
  reason: 'stop',
  promptTokens: 1,
  completionTokens: 2,
  cachedTokens: 0,
  queuedMs: 0,
  firstTokenMs: 0,
  totalMs: 0,
};

async function read(stream: TokenStream): Promise<{ tokens: number[]; end: GenerationEnd }> {
  const tokens: number[] = [];
  const items = stream.read();
  for (;;) {
    const next = await items.next();
    if (next.done) return { tokens, end: next.value };
    tokens.push(next.value.token);
  }
}

describe('the stream between an engine and a reader', () => {
  it('gives every token once and in order, however writer and reader take turns', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 40 }), async (gaps) => {
        const stream = new TokenStream();
        const reading = read(stream);
        for (const [token, gap] of gaps.entries()) {
          for (let turn = 0; turn < gap; turn += 1) await Promise.resolve();
          stream.push({ token: { token } });
        }
        stream.push({ end });
        expect(await reading).toEqual({ tokens: [...gaps.keys()], end });
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it('gives what was written before anybody read', async () => {
    const stream = new TokenStream();
    for (const token of [1, 2, 3]) stream.push({ token: { token } });
    stream.push({ end });
    expect((await read(stream)).tokens).toEqual([1, 2, 3]);
  });

  it('throws what it failed with, after the tokens that came before', async () => {
    const stream = new TokenStream();
    stream.push({ token: { token: 4 } });
    stream.push({ error: new Error('the step failed') });
    const items = stream.read();
    expect((await items.next()).value).toEqual({ token: 4 });
    expect(await rejection(items.next())).toMatchObject({ message: 'the step failed' });
  });
});
