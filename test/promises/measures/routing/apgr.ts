import path from 'node:path';
import { train } from '@qwenfleet/router/score/train/train';
import { root } from '../../../house/imports.ts';
import type { Measurement } from '../../promise.ts';

/**
 * Trains as `npm run train` does and evaluates every prompt with heads that saw neither its family of tasks nor its
 * question: mean APGR over the sets of a thousand prompts or more.
 */
export async function heldOutApgr(): Promise<Measurement> {
  const { results } = train(path.join(root, 'data/routing'));
  const { apgr, sets, aboveRandom, aboveLength } = results.summary;
  const lengths = results.heldOut.filter(({ prompts }) => prompts >= 1000).map(({ length }) => length);
  const byLength = lengths.reduce((sum, value) => sum + value, 0) / lengths.length;
  const details = `${sets} sets; interval above random on ${aboveRandom}, above prompt length on ${aboveLength}; length alone ${byLength.toFixed(3)}`;
  return { value: apgr, details };
}
