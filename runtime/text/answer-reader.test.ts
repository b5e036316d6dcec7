import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GeneratedToken, GenerationEnd } from '../engine/generation.ts';
import { byteTokenizer, bytesAsTokens, control, tokenOfByte } from '../fixtures/byte-tokenizer.ts';
import { choiceLogprobs, readAnswer, type AnswerEnd, type AnswerOptions, type AnswerPiece } from './answer-reader.ts';

const tokenizer = byteTokenizer();

/** An engine that says these tokens, and notes whether its reader closed it. */
function engineOf(tokens: readonly GeneratedToken[], reason: GenerationEnd['reason'] = 'stop') {
  const state = { closed: false, given: 0 };
  async function* generate(): AsyncGenerator<GeneratedToken, GenerationEnd, void> {
    try {
      for (const token of tokens) {
        state.given += 1;
        yield token;
      }
      const times = { queuedMs: 0, firstTokenMs: 1, totalMs: 2 };
      return { reason, promptTokens: 3, completionTokens: tokens.length, cachedTokens: 2, ...times };
    } finally {
      state.closed = true;
    }
  }
  return { stream: generate(), state };
}

type Read = {
  pieces: AnswerPiece[];
  end: AnswerEnd;
  content: string;
  reasoning: string;
  given: number;
  closed: boolean;
};

async function read(
  tokens: readonly GeneratedToken[],
  options: Partial<AnswerOptions> = {},
  reason: GenerationEnd['reason'] = 'stop',
): Promise<Read> {
  const { stream, state } = engineOf(tokens, reason);
  const answer = readAnswer(stream, { tokenizer, stops: [], promptTokens: 3, reasoning: undefined, ...options });
  const pieces: AnswerPiece[] = [];
  for (;;) {
    const next = await answer.next();
    if (next.done) {
      const joined = (field: 'content' | 'reasoning'): string => pieces.map((piece) => piece[field]).join('');
      return { pieces, end: next.value, content: joined('content'), reasoning: joined('reasoning'), ...state };
    }
    pieces.push(next.value);
  }
}

const plain = (text: string): GeneratedToken[] => bytesAsTokens(text).map((token) => ({ token }));
/** With a log-probability that tells its place, and one alternative. */
const withLogprobs = (text: string): GeneratedToken[] =>
  bytesAsTokens(text).map((token, at) => ({ token, logprob: -at, top: [{ token, logprob: -at }] }));
const logprobsOf = ({ pieces }: Read): AnswerPiece['logprobs'] => pieces.flatMap(({ logprobs }) => logprobs);

describe('an answer as it is read', () => {
  it('is the text of its tokens, ended as the engine says', async () => {
    const answer = await read(plain('Hello, 世界!'), {}, 'length');
    expect(answer.content).toBe('Hello, 世界!');
    expect(answer.end).toEqual({
      finishReason: 'length',
      promptTokens: 3,
      completionTokens: 14,
      cachedTokens: 2,
      reasoningTokens: 0,
    });
  });

  it('shows whole characters only, and what never became one as a replacement', async () => {
    const { pieces, content } = await read(plain('a世').slice(0, -1));
    expect(content).toBe('a\u{FFFD}');
    for (const piece of pieces.slice(0, -1)) expect(piece.content).not.toContain('\u{FFFD}');
  });

  it('keeps any text, however many tokens a character takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 40 }), async (text) => {
        const { content } = await read(plain(text));
        expect(content).toBe(text.toWellFormed());
      }),
      { numRuns: 150, seed: 9 },
    );
  });

  it('has no text for control tokens, and counts them', async () => {
    const { content, end } = await read([{ token: control.start }, ...plain('x')]);
    expect(content).toBe('x');
    expect(end.completionTokens).toBe(2);
  });
});

describe('a stop string', () => {
  it('ends the answer, and the engine with it', async () => {
    const { content, end, closed, given } = await read(plain('one two three'), { stops: ['two'] });
    expect(content).toBe('one ');
    expect(end).toMatchObject({ finishReason: 'stop', completionTokens: 7 });
    expect(closed).toBe(true);
    expect(given).toBe(7);
  });

  it('is never shown in part, and shown when it turns out to be none', async () => {
    const { pieces, content } = await read(plain('a twig'), { stops: ['two'] });
    expect(content).toBe('a twig');
    expect(pieces.map((piece) => piece.content)).toEqual(['a', ' ', 'twi', 'g', '']);
  });

  it('may be part of a character that several tokens make', async () => {
    expect((await read(plain('ab世cd'), { stops: ['世'] })).content).toBe('ab');
  });

  it('at the very beginning leaves an empty answer', async () => {
    expect(await read(plain('END of it'), { stops: ['END'] })).toMatchObject({ content: '' });
  });

  it('cuts the same text wherever it is found, for any text and stops', async () => {
    const letters = fc.stringMatching(/^[ab世]{0,20}$/);
    await fc.assert(
      fc.asyncProperty(letters, fc.stringMatching(/^[ab世]{1,3}$/), async (text, stop) => {
        const at = text.indexOf(stop);
        expect((await read(plain(text), { stops: [stop] })).content).toBe(at === -1 ? text : text.slice(0, at));
      }),
      { numRuns: 200, seed: 2 },
    );
  });
});

describe('log-probabilities', () => {
  it('come once for each token, with its bytes, beside the text that it is part of', async () => {
    const answer = await read(withLogprobs('né!'));
    expect(logprobsOf(answer).map(({ bytes }) => bytes)).toEqual([[0x6e], [0xc3], [0xa9], [0x21]]);
    expect(logprobsOf(answer).map(({ logprob }) => logprob)).toEqual([-0, -1, -2, -3]);
    for (const { content, logprobs } of answer.pieces) {
      const bytes = Buffer.from(logprobs.flatMap((each) => each.bytes));
      expect(bytes.toString()).toBe(content);
    }
  });

  it('are left out for what a stop string cut off', async () => {
    const answer = await read(withLogprobs('one two three'), { stops: ['two'] });
    expect(
      logprobsOf(answer)
        .map(({ token }) => token)
        .join(''),
    ).toBe('one ');
  });

  it('wait while the text waits that could be a stop string', async () => {
    const { pieces } = await read(withLogprobs('a twig'), { stops: ['two'] });
    expect(pieces.map(({ logprobs }) => logprobs.map(({ token }) => token).join(''))).toEqual([
      'a',
      ' ',
      'twi',
      'g',
      '',
    ]);
  });

  it('are those of the text that is shown, for any text and stop', async () => {
    const letters = fc.stringMatching(/^[abé]{0,16}$/);
    await fc.assert(
      fc.asyncProperty(letters, fc.stringMatching(/^[abé]{1,3}$/), async (text, stop) => {
        const answer = await read(withLogprobs(text), { stops: [stop] });
        const bytes = Buffer.from(logprobsOf(answer).flatMap((each) => each.bytes));
        expect(bytes.toString()).toBe(answer.content);
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('are null where nobody asked', () => {
    expect(choiceLogprobs(false, [])).toBeNull();
    expect(choiceLogprobs(true, [])).toEqual({ content: [] });
  });
});

describe('thoughts', () => {
  it('are apart, and counted', async () => {
    const { content, reasoning, end } = await read(plain('<think>hm</think>Yes'), { reasoning: { thinks: false } });
    expect({ content, reasoning }).toEqual({ content: 'Yes', reasoning: 'hm' });
    expect(end.reasoningTokens).toBe('hm</think>'.length);
  });

  it('that the prompt has opened end at their closing tag', async () => {
    const { content, reasoning } = await read(plain('hm</think>\n\nYes'), { reasoning: { thinks: true } });
    expect({ content, reasoning }).toEqual({ content: 'Yes', reasoning: 'hm' });
  });

  it('end with a stop string too', async () => {
    const { content, reasoning } = await read(plain('hm, so STOP'), { reasoning: { thinks: true }, stops: ['STOP'] });
    expect({ content, reasoning }).toEqual({ content: '', reasoning: 'hm, so ' });
  });

  it('stay in the text of a completion', async () => {
    expect((await read(plain('<think>hm</think>'))).content).toBe('<think>hm</think>');
  });
});

describe('an echo', () => {
  const prompt = bytesAsTokens('Once');

  it('puts the prompt before the answer, and stop strings do not look at it', async () => {
    const { content, end } = await read(plain(' upon a time'), { echo: prompt, stops: ['Once', 'time'] });
    expect(content).toBe('Once upon a ');
    expect(end.completionTokens).toBe(' upon a time'.length);
  });

  it("completes the prompt's last character with the answer's first token", async () => {
    const bytes = bytesAsTokens('世');
    const { content } = await read(
      bytes.slice(2).map((token) => ({ token })),
      { echo: bytes.slice(0, 2) },
    );
    expect(content).toBe('世');
  });

  it("has the prompt's log-probabilities first, the first of which is none", async () => {
    const own = prompt.map((token, at): GeneratedToken =>
      at === 0 ? { token, ofPrompt: true } : { token, ofPrompt: true, logprob: -at, top: [] },
    );
    const answer = await read([...own, ...withLogprobs(' u')], { echo: prompt });
    expect(answer.content).toBe('Once u');
    expect(logprobsOf(answer).map(({ token, logprob }) => [token, logprob])).toEqual([
      ['O', null],
      ['n', -1],
      ['c', -2],
      ['e', -3],
      [' ', -0],
      ['u', -1],
    ]);
    expect(answer.end.completionTokens).toBe(2);
  });
});

describe('a reader that leaves', () => {
  it('closes the engine', async () => {
    const { stream, state } = engineOf(plain('a long story'));
    const answer = readAnswer(stream, { tokenizer, stops: [], promptTokens: 1, reasoning: undefined });
    await answer.next();
    await answer.return(undefined as never);
    expect(state).toMatchObject({ closed: true, given: 1 });
  });
});

it('a token is one byte here', () => {
  expect(tokenizer.bytesOf(tokenOfByte(0x41))).toEqual(Uint8Array.of(0x41));
});
