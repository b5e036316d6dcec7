import type { Tier } from '@qwenfleet/core/fleet/tier';
import type { Example } from './data.ts';
import {
  calibrate,
  calibrated,
  fitModel,
  fitWordingAlone,
  predict,
  type Calibration,
  type Prediction,
  type Settings,
} from './fit.ts';
import { foldsOf, isTrained, type SplitName } from './splits.ts';

export type Chances = Record<Tier, number>;
/** An example with what was said of it by models that saw neither its question nor anything that is held out with it. */
export type Held = {
  example: Example;
  /** Ours. */
  p: Chances;
  /** The same without wording, and wording without the rest. */
  features: Chances;
  wording: Chances;
};

/**
 * Fits and predicts fold by fold; then calibrates, with four numbers per tier, on the predictions of all folds together.
 * A calibration of each fold's own, on the others, would rank folds by what they lack. `onFold` is told how far it is.
 */
export function heldOut(
  examples: readonly Example[],
  split: SplitName,
  settings: Settings,
  onFold: (done: number, total: number) => void = () => undefined,
): Held[] {
  const folds = foldsOf(examples, split).map(({ train, held }, at, { length }) => {
    const fit = fitModel(train, settings);
    const alone = fitWordingAlone(train, settings);
    onFold(at + 1, length);
    return held.map((example) => ({ own: predict(fit, example), alone: predict(alone, example) }));
  });
  const said = folds.flat();
  const own = calibrationOn(
    said.map(({ own }) => own),
    settings,
  );
  const features = calibrationOn(
    said.map(({ own }) => withoutWording(own)),
    settings,
  );
  const alone = calibrationOn(
    said.map(({ alone }) => alone),
    settings,
  );
  return said.map((of) => ({
    example: of.own.example,
    p: calibrated(of.own, own),
    features: calibrated(withoutWording(of.own), features),
    wording: calibrated(of.alone, alone),
  }));
}

/** Predictions of ours alone, for the calibration of what is shipped. */
export const heldOutPredictions = (
  examples: readonly Example[],
  split: SplitName,
  fit: (train: readonly Example[]) => (example: Example) => Prediction,
): Prediction[] =>
  foldsOf(examples, split).flatMap(({ train, held }) => {
    const predicted = fit(train);
    return held.map(predicted);
  });

export const calibrationOn = (predictions: readonly Prediction[], settings: Settings): Calibration =>
  calibrate(
    predictions.filter(({ example }) => isTrained(example)),
    settings.authoredShare,
  );

const withoutWording = (prediction: Prediction): Prediction => ({
  ...prediction,
  wording: { small: 0, medium: 0, large: 0 },
});
