import { routerConfigSchema } from '@qwenfleet/core/fleet/router-config';
import type { Card, WeightsFile } from '../model.ts';
import { featureNames } from '../features.ts';
import { readAuthored, readMeasured, scaled, wordingBits, type DataFile } from './data.ts';
import { calibrationByTier, shares } from './evaluate.ts';
import { calibrated, fitModel, foldHeads, foldWording, predict, type Settings } from './fit.ts';
import { calibrationOn, heldOutPredictions } from './held-out.ts';
import { priors, tierModels } from './labels.ts';
import { isTrained } from './splits.ts';

/** Chosen once by hand on tables of held-out tasks, so those tables are a little kinder than a new set would be. */
export const settings: Settings = {
  penalties: { shared: 0.001, gap: 0.003, group: 0.00001 },
  wording: { bits: wordingBits, passes: 2, stepSize: 0.05, l2: 0.003, gapShare: 1 },
  authoredShare: 1,
  seed: 7,
};
/** For the table of shares: the router's default cost weight and a fleet whose pools cost .1, .3 and 1. */
export const objective = {
  costWeight: routerConfigSchema.shape.objective.parse(undefined).costWeight,
  costs: { small: 0.1, medium: 0.3, large: 1 },
};

/** Trains the model that is shipped on `folder`. Deterministic. */
export function train(folder: string): WeightsFile {
  const measured = readMeasured(folder);
  const authored = readAuthored(folder);
  const { examples, scaling } = scaled([...measured.examples, ...authored.train]);
  const predictions = heldOutPredictions(examples, 'tasks', (train) => {
    const fit = fitModel(train, settings);
    return (example) => predict(fit, example);
  });
  const calibration = calibrationOn(predictions, settings);
  const fit = fitModel(examples.filter(isTrained), settings);
  const said = (of: typeof examples) =>
    of.map((example) => ({ example, p: calibrated(predict(fit, example), calibration) }));
  const heldOutThemes = scaled(authored.heldOut, scaling).examples;
  return {
    version: 2,
    features: [...featureNames],
    ...scaling,
    heads: foldHeads(fit, calibration),
    wording: foldWording(fit, calibration, settings.wording.bits),
    card: cardOf([...measured.files, authored.file], {
      'expected calibration error': {
        trained: shortened(calibrationByTier(said(examples))),
        'tasks held out': shortened(
          calibrationByTier(
            predictions.map((prediction) => ({
              example: prediction.example,
              p: calibrated(prediction, calibration),
            })),
          ),
        ),
      },
      'calibration per tier': calibration,
      'shares at the default objective': {
        authored: shares(said(examples.filter(({ set }) => set === 'authored')), ({ task }) => task, objective),
        'authored, themes held out': shares(said(heldOutThemes), ({ task }) => task, objective),
        measured: shares(said(examples.filter(({ set }) => set !== 'authored')), ({ set }) => set, objective),
      },
    }),
  };
}

function cardOf(data: DataFile[], metrics: Card['metrics']): Card {
  const labels = Object.fromEntries(
    Object.entries(tierModels).map(([set, byTier]) => [
      set,
      Object.fromEntries(Object.entries(byTier).map(([tier, models]) => [tier, [...models]])),
    ]),
  );
  return {
    name: 'hand-made features and hashed wording, linear heads',
    trainedOn: 'public benchmark labels and authored priors; none of the models is one that you serve',
    seed: settings.seed,
    data,
    labels,
    priors,
    settings: { ...settings },
    metrics,
    notes: [
      'Labels of authored.jsonl are priors: what its authors expect of a tier on that kind of prompt. Nobody measured them.',
      'Labels from your own pools will do better: qwenfleet route train DATA --out model.json.',
      'What it is worth on tasks, families and files that it never saw: npm run eval:routing, docs/reference/routing.md.',
      'The settings were chosen on tables of held-out tasks, which are therefore a little kinder than a new set would be.',
      'trivia_qa and natural_qa are evaluated but not trained on: exact match on obscure facts marks all models alike.',
      'A larger pool is never said to do worse.',
    ],
  };
}

const shortened = (of: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(of).map(([key, value]) => [key, Number(value.toFixed(3))]));
