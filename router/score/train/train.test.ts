import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRng } from '@qwenfleet/core/rng';
import { describe, expect, it } from 'vitest';
import { featureNames } from '../features.ts';
import { readAuthored, readOwn, type Example } from './data.ts';
import { summaryOf } from './evaluate.ts';
import { familyOf } from './families.ts';
import { calibrate, calibrated, fitHeads, fold, logitsOf, rowWeights, scalingOf, standardise } from './fit.ts';
import { choicesAt, heldOutPredictions } from './folds.ts';
import { priors } from './labels.ts';
import { dot, fitLogistic, sigmoid } from './logistic.ts';
import { apgr, apgrInterval, calibrationError } from './metrics.ts';

const dataFolder = path.join(import.meta.dirname, '../../../data/routing');

describe('logistic regression', () => {
  it('finds the coefficients that made the data', () => {
    const rng = seededRng(3);
    const truth = [0.5, -1.5, 2];
    const rows = Array.from({ length: 4000 }, () => [1, rng() * 2 - 1, rng() * 2 - 1]);
    const wanted = rows.map((row) => (rng() < sigmoid(dot(row, truth)) ? 1 : 0));
    const found = fitLogistic({ rows, wanted, weights: rows.map(() => 1) }, [0, 0, 0]);
    for (const [at, value] of truth.entries()) expect(found[at]).toBeCloseTo(value, 0.5);
  });

  it('pulls towards the centre as the penalty grows, and does not fall over on separable data', () => {
    const sheet = {
      rows: [
        [1, 1],
        [1, -1],
      ],
      wanted: [1, 0],
      weights: [1, 1],
    };
    const loose = fitLogistic(sheet, [1e-6, 1e-3])[1] ?? 0;
    const tight = fitLogistic(sheet, [1e-6, 10])[1] ?? 0;
    expect(Number.isFinite(loose)).toBe(true);
    expect(loose).toBeGreaterThan(tight);
    expect(fitLogistic(sheet, [1e-6, 1e6], [0, 3])[1]).toBeCloseTo(3, 2);
  });
});

describe('APGR', () => {
  const judged = (wants: readonly number[]) => wants.map((want, at) => ({ want, weak: at % 2, strong: 1 }));

  it('is .5 for a scorer that knows nothing', () => {
    expect(apgr(judged([1, 1, 1, 1]))).toBeCloseTo(0.5, 10);
  });

  it('is highest for the oracle and lowest for its opposite', () => {
    const oracle = apgr(judged([1, 0, 1, 0]));
    const opposite = apgr(judged([0, 1, 0, 1]));
    expect(oracle).toBeCloseTo(0.75, 10);
    expect(opposite).toBeCloseTo(0.25, 10);
  });

  it('does not depend on the order of prompts', () => {
    const rows = judged([0.3, 0.9, 0.4, 0.1, 0.4, 0.6]);
    expect(apgr(rows.toReversed())).toBeCloseTo(apgr(rows), 12);
  });

  it('has an interval that holds it, and a difference to a rival', () => {
    const rng = seededRng(5);
    const rows = Array.from({ length: 600 }, () => {
      const hard = rng();
      return { want: hard + rng() * 0.5, weak: rng() < hard ? 0 : 1, strong: rng() < 0.9 ? 1 : 0 };
    });
    const { own, difference } = apgrInterval(
      rows,
      rows.map(() => rng()),
      1,
    );
    expect(own.low).toBeLessThan(own.value);
    expect(own.high).toBeGreaterThan(own.value);
    expect(own.low).toBeGreaterThan(0.5);
    expect(difference.low).toBeGreaterThan(0);
  });

  it('summarises only sets that are large enough to say something', () => {
    const of = (value: number, prompts: number) => ({
      id: 'x',
      prompts,
      length: 0.5,
      own: { value, low: value - 0.01, high: value + 0.01 },
      difference: { value: 0.1, low: 0.05, high: 0.2 },
    });
    expect(summaryOf([of(0.6, 2000), of(0.4, 2000), of(0, 10)])).toEqual({
      apgr: 0.5,
      sets: 2,
      aboveRandom: 1,
      aboveLength: 2,
    });
  });
});

describe('calibration error', () => {
  it('is nothing for chances that come true and the gap for those that do not', () => {
    const rows = (p: number, share: number) =>
      Array.from({ length: 100 }, (_, at) => ({ p, label: at < share * 100 ? 1 : 0 }));
    expect(calibrationError(rows(0.7, 0.7))).toBeCloseTo(0, 10);
    expect(calibrationError(rows(0.9, 0.4))).toBeCloseTo(0.5, 10);
  });
});

describe('what is held out together', () => {
  it.each([
    ['mmlu/college_physics', 'mmlupro/physics'],
    ['mmlu/professional_law', 'mmlupro/law'],
    ['mmlu/abstract_algebra', 'mmlupro/math'],
    ['gsm8k', 'agentverse-mgsm'],
    ['mbpp', 'human_eval'],
  ])('%s and %s', (one, other) => {
    expect(familyOf(one)).toBe(familyOf(other));
  });

  it('a task that belongs to no family is its own', () => {
    expect(familyOf('something new')).toBe('something new');
  });
});

describe('the authored prompts', () => {
  const { train, heldOut } = readAuthored(dataFolder);

  it('hold themes out whole, have a prior for every kind, and no prompt twice', () => {
    const themes = new Set(train.map(({ family }) => family));
    expect(heldOut.filter(({ family }) => themes.has(family))).toEqual([]);
    expect([...train, ...heldOut].filter(({ task }) => priors[task] === undefined)).toEqual([]);
    const stems = [...train, ...heldOut].map(({ stem, chars }) => `${stem}/${chars}`);
    expect(new Set(stems).size).toBe(stems.length);
    expect(train.length + heldOut.length).toBeGreaterThan(300);
  });

  it('have priors that rise with the tier', () => {
    for (const { small, medium, large } of Object.values(priors)) {
      expect(small).toBeLessThan(medium);
      expect(medium).toBeLessThan(large);
    }
  });

  it('teach a head that orders their kinds, on themes it never saw, the same every time', () => {
    const settings = { l2: 0.001, taskL2: 0.0001, authoredShare: 1 };
    // Authored prompts alone have no measured weight to share, so they are weighed as a measured set here.
    const examples = train.map((example): Example => ({ ...example, set: 'measured' }));
    const scaling = scalingOf(examples, featureNames.indexOf('greeting'));
    const predict = () => heldOutPredictions(examples, scaling, { ...settings, taskL2: 1e3 });
    const predictions = predict();
    const calibration = calibrate(predictions, 0);
    const meanOf = (task: string): number => {
      const of = predictions
        .filter(({ example }) => example.task === task)
        .map((row) => calibrated(row, calibration).small);
      return of.reduce((sum, p) => sum + p, 0) / of.length;
    };
    expect(meanOf('greeting')).toBeGreaterThan(meanOf('working') + 0.1);
    expect(meanOf('working')).toBeGreaterThan(meanOf('hard') + 0.1);
    expect(predict().map(({ logits }) => logits)).toEqual(predictions.map(({ logits }) => logits));
  });

  it('with their calibration folded in, heads say the same', () => {
    const examples = train.map((example): Example => ({ ...example, set: 'measured' }));
    const scaling = scalingOf(examples, featureNames.indexOf('greeting'));
    const heads = fitHeads(examples, scaling, { l2: 0.01, taskL2: 1e3, authoredShare: 0 });
    const calibration = { small: [1.2, -0.1, 0.3], medium: [1, 0.2, 0], large: [0.9, 0.1, -0.2] } as const;
    const folded = fold(heads, calibration, choicesAt);
    for (const example of examples.slice(0, 40)) {
      const standard = standardise(example.features, scaling);
      const apart = calibrated(
        { logits: logitsOf(heads, standard), choices: standard[choicesAt] ?? 0, example },
        calibration,
      );
      expect(sigmoid(logitsOf(folded, standard).small)).toBeCloseTo(apart.small, 3);
    }
  });

  it('weigh together what was asked for', () => {
    const measured = train.slice(0, 30).map((example): Example => ({ ...example, set: 'measured', family: 'one' }));
    const weights = rowWeights([...measured, ...train], 0.5);
    const sum = (of: readonly number[]): number => of.reduce((so, weight) => so + weight, 0);
    expect(sum(weights.slice(30)) / sum(weights.slice(0, 30))).toBeCloseTo(0.5, 6);
  });
});

describe("a file of one's own labels", () => {
  const withFile = (lines: readonly unknown[], use: (file: string) => void): void => {
    const folder = mkdtempSync(path.join(tmpdir(), 'own-labels-'));
    const file = path.join(folder, 'own.jsonl');
    writeFileSync(file, lines.map((line) => JSON.stringify(line)).join('\n'));
    try {
      use(file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  it('is read with its scores per tier', () => {
    withFile([{ task: 'support', prompt: 'Where is my order?', scores: { small: 1, large: 1 } }], (file) => {
      const { examples } = readOwn(file);
      expect(examples[0]).toMatchObject({ set: 'own', family: 'support', labels: { small: 1, large: 1 } });
      expect(examples[0]?.labels.medium).toBeUndefined();
    });
  });

  it('with a score that is no chance is refused', () => {
    withFile([{ task: 'support', prompt: 'x', scores: { small: 7 } }], (file) => {
      expect(() => readOwn(file)).toThrowError();
    });
  });
});
