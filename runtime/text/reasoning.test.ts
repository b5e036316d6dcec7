import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReasoningSplit } from './reasoning.ts';

function split(pieces: readonly string[], thinks = false): { content: string; reasoning: string } {
  const reader = new ReasoningSplit(thinks);
  const all = [...pieces.map((piece) => reader.push(piece)), reader.end()];
  return {
    content: all.map(({ content }) => content).join(''),
    reasoning: all.map(({ reasoning }) => reasoning).join(''),
  };
}

describe('what a model thinks', () => {
  it.each<[string, string[], boolean, string, string]>([
    ['is apart from what it answers', ['<think>\nhm\n</think>\n\nYes.'], false, 'Yes.', 'hm\n'],
    ['may come in any pieces', ['<th', 'ink>h', 'm</thi', 'nk>\n', '\nYes', '.'], false, 'Yes.', 'hm'],
    ['may be nothing', ['<think>\n\n</think>\n\nYes.'], false, 'Yes.', ''],
    ['is all there is when the answer is cut', ['<think>hm, so'], false, '', 'hm, so'],
    ['begins at once where the prompt has opened it', ['hm</think>Yes.'], true, 'Yes.', 'hm'],
    ['is not every text that mentions it', ['I <think> so'], false, 'I <think> so', ''],
    ['is not what only begins alike', ['<thin'], false, '<thin', ''],
  ])('%s', (_name, pieces, thinks, content, reasoning) => {
    expect(split(pieces, thinks)).toEqual({ content, reasoning });
  });

  it('does not depend on how the text is cut', () => {
    const text = '<think>\nfirst\nsecond\n</think>\n\nThe answer, with a <b>tag</b>.\n';
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, index) => text.slice(places[index], end));
        expect(split(pieces)).toEqual(split([text]));
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});
