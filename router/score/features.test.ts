import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { featureNames, featuresOf, look } from './features.ts';
import { sampleHeadChars, sampleTailChars } from './sample.ts';

const value = (prompt: string, name: string): number =>
  featuresOf(look(prompt))[featureNames.indexOf(name)] ?? Number.NaN;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 400 }),
  fc.string({ unit: 'grapheme', maxLength: 400 }),
  fc
    .array(fc.constantFrom('prove', 'hello', '证明', '你好', '\n', 'A. ', '$x^2$', '{', '42', '. '), { maxLength: 200 })
    .map((parts) => parts.join(' ')),
);

describe('the features of a prompt', () => {
  it('are between 35 and 50, each with a name of its own', () => {
    expect(new Set(featureNames).size).toBe(featureNames.length);
    expect(featureNames.length).toBeGreaterThanOrEqual(35);
    expect(featureNames.length).toBeLessThanOrEqual(50);
  });

  it('are finite and bounded whatever is sent', () => {
    fc.assert(
      fc.property(text, (prompt) => {
        for (const feature of featuresOf(look(prompt))) {
          expect(Number.isFinite(feature)).toBe(true);
          expect(Math.abs(feature)).toBeLessThan(64);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('are the same every time', () => {
    fc.assert(
      fc.property(text, (prompt) => {
        expect(featuresOf(look(prompt))).toEqual(featuresOf(look(prompt)));
      }),
      { seed: 12, numRuns: 100 },
    );
  });

  it.each([
    ['Hello there', 'greeting'],
    ['您好', 'greeting'],
    ['Thanks a lot', 'smallTalk'],
    ['你是谁', 'smallTalk'],
    ['What is the capital of Peru?', 'simpleFact'],
    ['秘鲁的首都', 'simpleFact'],
    ['Prove the theorem', 'proof'],
    ['证明这个定理', 'proof'],
    ['Derive the formula', 'derivation'],
    ['推导公式', 'derivation'],
    ['Implement a parser in Rust', 'program'],
    ['用Rust编写一个解析器', 'program'],
    ['a thread-safe queue', 'systems'],
    ['每个操作 O(1)', 'systems'],
    ['compare the trade-offs', 'analysis'],
    ['比较两者的取舍', 'analysis'],
    ['It must be exactly ten', 'constraint'],
    ['必须恰好十个', 'constraint'],
    ['first this, then that, finally the rest', 'multiStep'],
    ['首先这样，然后那样，最后收尾', 'multiStep'],
  ])('sees in %j the cue %s', (prompt, name) => {
    expect(value(prompt, name)).toBeGreaterThan(0);
  });

  it('do not take a cue for granted inside another word', () => {
    expect(value('The hiker improved the codebook of this country', 'greeting')).toBe(0);
    expect(value('The hiker improved the codebook of this country', 'program')).toBe(0);
  });

  it('a greeting before hard work does not make it easy', () => {
    expect(value('Hello! Prove that the sequence converges.', 'greeting')).toBe(0);
    expect(value('你好，请证明这个数列收敛。', 'greeting')).toBe(0);
  });

  it('count Chinese and English of the same meaning alike in length', () => {
    const english = look('Please explain how a vaccine protects people against a disease').units;
    const chinese = look('请解释疫苗是怎样保护人们免受疾病侵害的').units;
    expect(Math.abs(Math.log2(english / chinese))).toBeLessThan(0.7);
  });

  it('read formulas, code, lists and options', () => {
    expect(value('$\\frac{a}{b} = x^2 + y^2$', 'formulas')).toBeGreaterThan(2);
    expect(value('for (const a of b) { f(a[0]); }', 'codeMarks')).toBeGreaterThan(2);
    expect(value('Do this:\n- one\n- two\n- three', 'listItems')).toBe(2);
    expect(value('Which?\nA. one\nB. two\nC. three', 'choices')).toBe(2);
  });
});

describe('hostile prompts', () => {
  const bound = sampleHeadChars + sampleTailChars + 1;

  it.each([
    ['one endless word', 'a'.repeat(2_000_000)],
    ['one endless number', '1,'.repeat(1_000_000)],
    ['only line ends', '\n'.repeat(2_000_000)],
    ['only openings of lists', '- '.repeat(1_000_000)],
    ['openings of phrases that never close', 'what is the '.repeat(200_000)],
    ['half of a Chinese phrase', '数学归'.repeat(500_000)],
    ['lone surrogates', '\ud800'.repeat(1_000_000)],
    ['backslashes', '\\'.repeat(2_000_000)],
    ['apostrophes', "a'".repeat(1_000_000)],
  ])('%s costs no more than the sample that is read', (_, prompt) => {
    const seen = look(prompt);
    expect(seen.readChars).toBeLessThanOrEqual(bound);
    expect(seen.totalChars).toBe(prompt.length);
    expect(featuresOf(seen).every(Number.isFinite)).toBe(true);
  });

  it('what the middle of a long prompt says does not matter, only how long it is', () => {
    const ends = ['x '.repeat(2000), ' y'.repeat(2000)] as const;
    const one = featuresOf(look(`${ends[0]}${'prove '.repeat(5000)}${ends[1]}`));
    const other = featuresOf(look(`${ends[0]}${'hello '.repeat(5000)}${ends[1]}`));
    expect(one).toEqual(other);
    expect(value(`${ends[0]}${'prove '.repeat(5000)}${ends[1]}`, 'length')).toBeGreaterThan(13);
  });
});
