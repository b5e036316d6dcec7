import path from 'node:path';
import { readAuthored, readMeasured, scaled } from '@qwenfleet/router/score/train/data';
import { bySet, summaryOf, ways } from '@qwenfleet/router/score/train/evaluate';
import { heldOut } from '@qwenfleet/router/score/train/held-out';
import { pairs } from '@qwenfleet/router/score/train/labels';
import { settings } from '@qwenfleet/router/score/train/train';
import { root } from '../../../house/imports.ts';
import type { Measurement } from '../../promise.ts';

/**
 * Evaluates every prompt with models that saw neither its task nor its question: mean APGR over the sets of a thousand
 * prompts or more. `npm run eval:routing` has the whole table.
 */
export async function heldOutApgr(): Promise<Measurement> {
  const folder = path.join(root, 'data/routing');
  const { examples } = scaled([...readMeasured(folder).examples, ...readAuthored(folder).train]);
  const compared = ways.filter(({ name }) => name === 'ours' || name === 'length');
  const { rows } = bySet(heldOut(examples, 'tasks', settings), { ways: compared, pairs, seed: settings.seed });
  const { apgr, length, sets, aboveRandom, aboveLength } = summaryOf(rows);
  const details = `${sets} sets; interval above random on ${aboveRandom}, above prompt length on ${aboveLength}; length alone ${length.toFixed(3)}`;
  return { value: apgr, details };
}
