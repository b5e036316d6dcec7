import { loadWeights, type Weights } from './model.ts';
import shipped from './weights.json' with { type: 'json' };

/** The weights in the repository, checked; trained by `npm run train`. */
export const shippedWeights: Weights = loadWeights(shipped);
