import { featureNames } from '../features.ts';

export type Scaling = { centre: number[]; scale: number[] };

/** Rare cues are not blown up to unit deviation: one hit would then outweigh everything else. */
const scaleMin = 0.35;
const size = featureNames.length;

/** Cues (after the shape features) have no centre: an absent cue contributes nothing. */
export function scalingOf(features: readonly (readonly number[])[], firstCue: number): Scaling {
  const centre: number[] = [];
  const scale: number[] = [];
  for (let at = 0; at < size; at++) {
    const mean = features.reduce((sum, row) => sum + (row[at] ?? 0), 0) / features.length;
    const variance = features.reduce((sum, row) => sum + ((row[at] ?? 0) - mean) ** 2, 0) / features.length;
    centre.push(at < firstCue ? round(mean) : 0);
    scale.push(round(Math.max(scaleMin, Math.sqrt(variance))));
  }
  return { centre, scale };
}

export const standardise = (features: readonly number[], { centre, scale }: Scaling): Float64Array =>
  Float64Array.from(features, (value, at) => (value - (centre[at] ?? 0)) / (scale[at] ?? 1));

export const round = (value: number): number => Number(value.toFixed(5));
