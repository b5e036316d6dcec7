import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRng } from '@qwenfleet/core/rng';
import { afterAll, describe, expect, it } from 'vitest';
import { look } from '../features.ts';
import { loadWeights, scoreSeen } from '../model.ts';
import { shippedWeights } from '../weights.ts';
import { scaled } from './data.ts';
import { readOwn } from './own.ts';
import { compareOwn, trainOwn } from './own-train.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'own-labels-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(lines: readonly unknown[], name = 'own.jsonl'): string {
  const file = path.join(folder, name);
  writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return file;
}

describe("a file of one's own labels", () => {
  it('is read with its scores per tier, by their names, aliases and the names of pools', () => {
    const file = fileOf([
      { task: 'support', prompt: 'Where is my order?', scores: { small: 1, '70b': 1 } },
      '',
      { prompt: 'And my refund?', scores: { 'qwen-7b': 0, 'qwen-7b-b': 1, large: 1 } },
    ]);
    const { examples, tiers } = readOwn(
      file,
      new Map([
        ['qwen-7b', 'small'],
        ['qwen-7b-b', 'small'],
      ]),
    );
    expect(tiers).toEqual(['small', 'large']);
    expect(examples.map(({ task, labels }) => [task, labels])).toEqual([
      ['support', { small: 1, large: 1 }],
      ['own', { small: 0.5, large: 1 }],
    ]);
  });

  it.each([
    ['a score that is no share', { prompt: 'x', scores: { small: 7, large: 1 } }, /line 2: scores\.small/],
    ['a pool of unknown tier', { prompt: 'x', scores: { qwen: 1 } }, /line 2: scores\.qwen: .*--pool qwen=TIER/],
    ['no prompt', { scores: { small: 1 } }, /line 2: prompt/],
    ['no scores', { prompt: 'x', scores: {} }, /line 2: scores: empty/],
    ['a field that nobody knows', { prompt: 'x', scores: { small: 1 }, label: 3 }, /line 2: .*label/],
    ['a line that is not JSON', '{"prompt":', /line 2: not JSON/],
  ])('with %s is refused, naming line and field', (_, line, message) => {
    const file = fileOf([{ prompt: 'y', scores: { small: 1, large: 1 } }, line]);
    expect(() => readOwn(file)).toThrowError(message);
  });

  it('tells ten problems and counts the rest', () => {
    const file = fileOf(Array.from({ length: 25 }, () => 'no'));
    expect(() => readOwn(file)).toThrowError(/line 10: not JSON[\s\S]*and 15 lines more/);
  });

  it('with one tier alone is refused, and so is a file that is not there', () => {
    expect(() => readOwn(fileOf([{ prompt: 'x', scores: { small: 1 } }]))).toThrowError(/the small tier alone/);
    expect(() => readOwn(path.join(folder, 'absent.jsonl'))).toThrowError(/absent\.jsonl cannot be read/);
  });
});

describe('1,500 labels of one traffic, where the words decide what the small pool can do', () => {
  const subjects = 'invoice refund tariff parcel router licence password meter contract booking'.split(' ');
  const verbs = 'change find cancel explain move split renew compare check translate'.split(' ');
  const labels = (count: number, seed: number) => {
    const rng = seededRng(seed);
    const pick = <Value>(of: readonly Value[]): Value => of[Math.floor(rng() * of.length)]!;
    return Array.from({ length: count }, (_, at) => {
      const [subject, verb] = [pick(subjects), pick(verbs)];
      const hard = subjects.indexOf(subject) < 5 && verbs.indexOf(verb) < 7;
      return {
        prompt: `Please ${verb} the ${subject} of customer ${at * 7 + seed} and tell them.`,
        scores: { small: rng() < (hard ? 0.25 : 0.9) ? 1 : 0, large: rng() < 0.92 ? 1 : 0 },
      };
    });
  };
  const own = readOwn(fileOf(labels(1500, 1), 'train.jsonl'));
  const steps: number[] = [];
  const { weights, expected } = trainOwn(own, shippedWeights, { onFold: (done) => steps.push(done) });

  it('gain on a held-out file what the card says, over the shipped model', () => {
    const held = scaled(readOwn(fileOf(labels(1200, 2), 'held-out.jsonl')).examples, shippedWeights).examples;
    const trained = loadWeights(weights);
    const models = {
      trained: held.map((example) => ({ example, p: scoreSeen(trained, look(example.prompt)).p })),
      before: held.map((example) => ({ example, p: scoreSeen(shippedWeights, look(example.prompt)).p })),
    };
    const { worth } = compareOwn(['small', 'large'], models, 'before', 1);
    expect(worth['trained']?.ahead.low).toBeGreaterThan(0.05);
    expect(expected.worth['trained']?.ahead.low).toBeGreaterThan(0.05);
    const promised = expected.worth['trained']?.apgr;
    expect(worth['trained']?.apgr.value).toBeGreaterThan((promised?.low ?? 1) - 0.03);
    expect(expected.calibrationError.trained.small).toBeLessThan(expected.calibrationError.before.small);
  });

  it('are on the card, and the same labels give the same model', () => {
    expect(weights.card.data.at(-1)).toEqual(own.file);
    expect(weights.card.trainedOn).toContain('1500 labels of train.jsonl');
    expect(steps.at(-1)).toBe(6);
    expect(JSON.stringify(trainOwn(own, shippedWeights).weights)).toBe(JSON.stringify(weights));
  });
});
