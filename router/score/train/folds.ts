import { featureNames } from '../features.ts';
import type { Example } from './data.ts';
import { fitHeads, logitsOf, standardise, type Prediction, type Scaling, type Settings } from './fit.ts';
import { untrainedFamilies } from './labels.ts';

export const choicesAt = featureNames.indexOf('choices');
const foldCount = 10;

/**
 * Predictions for every example by heads that saw neither its family nor, anywhere, its question. Families are dealt to
 * ten folds in the order of their names.
 */
export function heldOutPredictions(examples: readonly Example[], scaling: Scaling, settings: Settings): Prediction[] {
  const families = [...new Set(examples.map(({ family }) => family))].sort();
  const foldOf = new Map(families.map((family, at) => [family, at % foldCount]));
  const predictions: Prediction[] = [];
  for (let fold = 0; fold < foldCount; fold++) {
    const inFold = (example: Example): boolean => foldOf.get(example.family) === fold;
    predict(examples, inFold, { scaling, settings }, predictions);
  }
  return predictions;
}

/** The same with whole files held out: nothing of the file's models, format or questions was trained on. */
export function zeroShotPredictions(examples: readonly Example[], scaling: Scaling, settings: Settings): Prediction[] {
  const predictions: Prediction[] = [];
  const sets = [...new Set(examples.map(({ set }) => set))].filter((set) => set !== 'authored');
  for (const held of sets) predict(examples, ({ set }) => set === held, { scaling, settings }, predictions);
  return predictions;
}

type Ways = { scaling: Scaling; settings: Settings };
function predict(
  examples: readonly Example[],
  held: (example: Example) => boolean,
  ways: Ways,
  into: Prediction[],
): void {
  const stems = new Set(examples.filter(held).map(({ stem }) => stem));
  const trained = examples.filter((example) => !held(example) && !stems.has(example.stem) && isTrained(example));
  const heads = fitHeads(trained, ways.scaling, ways.settings);
  for (const [at, example] of examples.entries()) {
    if (!held(example)) continue;
    const standard = standardise(example.features, ways.scaling);
    into[at] = { logits: logitsOf(heads, standard), choices: standard[choicesAt] ?? 0, example };
  }
}

export const isTrained = ({ family, labels }: Example): boolean =>
  !untrainedFamilies.includes(family) && Object.keys(labels).length > 0;
