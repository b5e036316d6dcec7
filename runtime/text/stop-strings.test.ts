import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopStrings } from './stop-strings.ts';

/** Feeds pieces until a stop string is found. */
function read(stops: readonly string[], pieces: readonly string[]): { shown: string; stopped: boolean } {
  const finder = new StopStrings(stops);
  let shown = '';
  for (const piece of pieces) {
    const { text, stopped } = finder.push(piece);
    shown += text;
    if (stopped) return { shown, stopped };
  }
  return { shown: shown + finder.end(), stopped: false };
}

describe('stop strings', () => {
  it.each<[string, string[], string[], string, boolean]>([
    ['end the text before them', ['END'], ['hello END more'], 'hello ', true],
    ['are found over several pieces', ['END'], ['hello E', 'N', 'D more'], 'hello ', true],
    ['let what only looked like one through', ['END'], ['an E', 'NVELOPE'], 'an ENVELOPE', false],
    ['give back a beginning that nothing followed', ['END'], ['the EN'], 'the EN', false],
    ['are the first of several', ['b', 'a'], ['x a b'], 'x ', true],
    ['may overlap themselves', ['aab'], ['aaab'], 'a', true],
    ['that are empty do nothing', [''], ['text'], 'text', false],
  ])('%s', (_name, stops, pieces, shown, stopped) => {
    expect(read(stops, pieces)).toEqual({ shown, stopped });
  });

  it('do not depend on how the text is cut', () => {
    const letters = fc.stringMatching(/^[ab]{0,12}$/);
    fc.assert(
      fc.property(
        fc.array(letters, { maxLength: 6 }),
        fc.array(fc.stringMatching(/^[ab]{1,3}$/), { maxLength: 3 }),
        (pieces, stops) => {
          const text = pieces.join('');
          const first = Math.min(...stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0));
          const wanted =
            first === Infinity ? { shown: text, stopped: false } : { shown: text.slice(0, first), stopped: true };
          // Of two that begin at different places in one piece the earlier wins; over pieces the one that is whole first may.
          const seen = read(stops, pieces);
          expect(seen.stopped).toBe(wanted.stopped);
          expect(text.startsWith(seen.shown)).toBe(true);
          for (const stop of stops) expect(seen.shown.includes(stop)).toBe(false);
        },
      ),
      { seed: 21, numRuns: 500 },
    );
  });
});
