import path from 'node:path';
import { seededRng } from '@qwenfleet/core/rng';
import { describe, expect, it } from 'vitest';
import { look } from '../features.ts';
import { loadWeights, scoreFeatures } from '../model.ts';
import shippedFile from '../weights.json' with { type: 'json' };
import { describe as describePrompt, readAuthored, scaled, wordingBits } from './data.ts';
import { summaryOf } from './evaluate.ts';
import { familyOf } from './families.ts';
import { calibrated, fitModel, foldHeads, foldWording, predict, rowWeights } from './fit.ts';
import { heldOut as predictHeldOut } from './held-out.ts';
import { hullOf, upperHull } from './hull.ts';
import { fitJoint } from './joint.ts';
import { priors } from './labels.ts';
import { dot, fitLogistic, sigmoid } from './logistic.ts';
import { apgr, calibrationError, callsFor, compare, mean } from './metrics.ts';
import { foldsOf, splitNames } from './splits.ts';
import { settings } from './train.ts';

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
  const outcomes = [0, 1, 0, 1].map((weak) => ({ weak, strong: 1 }));

  it('is .5 for a scorer that knows nothing', () => {
    expect(apgr(outcomes, [1, 1, 1, 1])).toBeCloseTo(0.5, 10);
  });

  it('is highest for the oracle and lowest for its opposite', () => {
    expect(apgr(outcomes, [1, 0, 1, 0])).toBeCloseTo(0.75, 10);
    expect(apgr(outcomes, [0, 1, 0, 1])).toBeCloseTo(0.25, 10);
  });

  it('does not depend on the order of prompts', () => {
    const wants = [0.3, 0.9, 0.4, 0.1, 0.4, 0.6];
    const six = wants.map((_, at) => ({ weak: at % 2, strong: 1 }));
    expect(apgr(six.toReversed(), wants.toReversed())).toBeCloseTo(apgr(six, wants), 12);
  });

  it('comes with the strong calls that recover a share of the gap', () => {
    expect(callsFor(0.5, outcomes, [1, 0, 1, 0])).toBeCloseTo(0.25, 10);
    expect(callsFor(0.8, outcomes, [1, 1, 1, 1])).toBeCloseTo(0.8, 10);
    expect(callsFor(0.5, [{ weak: 1, strong: 1 }], [1])).toBeNaN();
  });

  it('has an interval that holds it, and a paired difference to a rival', () => {
    const rng = seededRng(5);
    const hard = Array.from({ length: 600 }, () => rng());
    const six = hard.map((of) => ({ weak: rng() < of ? 0 : 1, strong: rng() < 0.9 ? 1 : 0 }));
    const ways = { own: hard.map((of) => of + rng() * 0.5), rival: hard.map(() => rng()) };
    const { worth } = compare(six, ways, 'rival', 1);
    expect(worth['own']?.apgr.low).toBeLessThan(worth['own']?.apgr.value ?? 0);
    expect(worth['own']?.apgr.high).toBeGreaterThan(worth['own']?.apgr.value ?? 1);
    expect(worth['own']?.apgr.low).toBeGreaterThan(0.5);
    expect(worth['own']?.ahead.low).toBeGreaterThan(0);
    expect(worth['rival']?.ahead).toEqual({ value: 0, low: 0, high: 0 });
    expect(compare(six, ways, 'rival', 1).worth).toEqual(worth);
  });

  it('summarises only sets that are large enough to say something', () => {
    const of = (value: number, prompts: number) => {
      const worth = {
        apgr: { value, low: value - 0.01, high: value + 0.01 },
        ahead: { value: 0.1, low: 0.05, high: 0.2 },
        cpt50: 0,
        cpt80: 0,
      };
      return {
        id: 'x',
        prompts,
        worth: { ours: worth, length: { ...worth, apgr: { ...worth.apgr, value: 0.5 } } },
        curves: {},
      };
    };
    expect(summaryOf([of(0.6, 2000), of(0.4, 2000), of(0, 10)])).toEqual({
      apgr: 0.5,
      length: 0.5,
      sets: 2,
      aboveRandom: 1,
      aboveLength: 2,
    });
  });
});

describe('three pools', () => {
  const spot = (cost: number, quality: number) => ({ cost, quality });

  it('have a hull that leaves out a pool which a mix of the others beats', () => {
    expect(upperHull([spot(1, 0.9), spot(0.5, 0.4), spot(0, 0.5)])).toEqual([spot(0, 0.5), spot(1, 0.9)]);
    expect(upperHull([spot(0, 0.5), spot(0.5, 0.8), spot(1, 0.9)])).toHaveLength(3);
  });

  it('gain from a router that knows which prompt is hard, and lose with one that has it backwards', () => {
    const costs = { small: 0.1, medium: 0.3, large: 1 };
    const trials = (sign: number) =>
      Array.from({ length: 300 }, (_, at) => {
        const hard = at % 3;
        const p = (least: number): number => 0.5 + (sign * (least - hard)) / 10;
        return {
          p: { small: p(0), medium: p(1), large: p(2) },
          scores: { small: hard < 1 ? 1 : 0, medium: hard < 2 ? 1 : 0, large: 1 },
        };
      });
    const knows = trials(1).map((trial) => ({
      ...trial,
      p: { small: trial.scores.small, medium: trial.scores.medium, large: 1 },
    }));
    expect(hullOf(knows, costs, 1).gain.low).toBeGreaterThan(0.05);
    const backwards = knows.map(({ scores }) => ({
      scores,
      p: { small: scores.small, medium: scores.small, large: scores.small === 1 ? 1 : 0 },
    }));
    expect(hullOf(backwards, costs, 1).gain.value).toBeLessThan(hullOf(knows, costs, 1).gain.value);
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

  it('teach a model that orders their kinds, on themes it never saw, the same every time', () => {
    const { examples } = scaled(train.map((example) => ({ ...example, set: 'measured', task: 'one' })));
    const ofKind = new Map(train.map(({ prompt, task }) => [prompt, task]));
    const say = () =>
      predictHeldOut(examples, 'families', { ...settings, wording: { ...settings.wording, bits: wordingBits } }).map(
        ({ example, p }) => ({ kind: ofKind.get(example.prompt), small: p.small }),
      );
    const said = say();
    const meanOf = (kind: string): number => mean(said.filter((of) => of.kind === kind).map(({ small }) => small));
    expect(meanOf('greeting')).toBeGreaterThan(meanOf('working') + 0.1);
    expect(meanOf('working')).toBeGreaterThan(meanOf('hard') + 0.1);
    expect(say()).toEqual(said);
  });

  it('with their calibration folded in, a model file says the same', () => {
    const { examples, scaling } = scaled(train.map((example) => ({ ...example, set: 'measured' })));
    const fit = fitModel(examples, settings);
    const correction = { plain: 1.2, wording: 0.7, offset: -0.1, choices: 0.3 };
    const calibration = { small: correction, medium: { ...correction, offset: 0.2 }, large: correction };
    const file = {
      ...structuredClone(shippedFile),
      ...scaling,
      heads: foldHeads(fit, calibration),
      wording: foldWording(fit, calibration, wordingBits),
    };
    const weights = loadWeights(file);
    for (const example of examples.slice(0, 40)) {
      const { p } = scoreFeatures(weights, example.features, look(example.prompt).tokens);
      expect(p.small).toBeCloseTo(
        Math.min(0.99, Math.max(0.01, calibrated(predict(fit, example), calibration).small)),
        2,
      );
    }
  });

  it('weigh together what was asked for', () => {
    const authored = scaled(train).examples;
    const measured = authored.slice(0, 30).map((example) => ({ ...example, set: 'measured', family: 'one' }));
    const weights = rowWeights([...measured, ...authored], 0.5);
    const sum = (of: readonly number[]): number => of.reduce((so, weight) => so + weight, 0);
    expect(sum(weights.slice(30)) / sum(weights.slice(0, 30))).toBeCloseTo(0.5, 6);
  });
});

describe('what parts the tiers', () => {
  it('is learnt where two tiers answered the same prompt, not from the difference between two files', () => {
    const rng = seededRng(9);
    const labels = Array.from({ length: 3000 }, (_, at) => {
      const features = Float64Array.of(rng() * 2 - 1, rng() * 2 - 1);
      const [easy = 0, apart = 0] = features;
      const of = (tier: 'medium' | 'large', shift: number, group: number) => ({
        features,
        buckets: [],
        tier,
        weight: 1,
        wanted: sigmoid(0.4 + easy + (tier === 'large' ? 0.8 * apart : 0) + shift),
        group,
        base: 0,
      });
      // The second file has the large tier only, and is marked far more strictly.
      return at % 2 === 0 ? [of('medium', 0, 0), of('large', 0, 1)] : [of('large', -3, 2)];
    }).flat();
    const { shared, above } = fitJoint(labels, 2, { shared: 1e-6, gap: 1e-6, group: 1e-6 });
    expect(shared[0]).toBeCloseTo(1, 1);
    expect(above[1]).toBeCloseTo(0.8, 1);
    expect(Math.abs(shared[1] ?? 1)).toBeLessThan(0.05);
    expect(Math.abs(above[0] ?? 1)).toBeLessThan(0.05);
  });
});

describe('what is held out', () => {
  const { examples } = scaled(
    ['a', 'b', 'c', 'd'].flatMap((task) =>
      ['one', 'two', 'three'].map((file) => ({
        ...describePrompt(`${task}?`),
        set: file,
        task: `${file}/${task}`,
        family: task,
        stem: task,
        labels: { small: 1, large: 1 },
        scores: {},
      })),
    ),
  );

  it.each(splitNames)(
    'by %s is held out once, and its questions are in no training part, whichever file they are from',
    (split) => {
      const folds = foldsOf(examples, split);
      expect(folds.flatMap(({ held }) => held)).toHaveLength(examples.length);
      for (const { train, held } of folds) {
        const stems = new Set(held.map(({ stem }) => stem));
        expect(train.filter(({ stem }) => stems.has(stem))).toEqual([]);
      }
    },
  );
});
