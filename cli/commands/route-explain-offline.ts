import { tiers } from '@qwenfleet/core/fleet/tier';
import { read } from '@qwenfleet/router/score/conversation';
import { scoreSeen, type Score } from '@qwenfleet/router/score/model';
import { Failure, type Exit } from '../failure.ts';
import { formatFigure, formatShare, spacedName } from '../format.ts';
import { readPrompt } from '../prompt.ts';
import { renderTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { readModel } from './route-model.ts';

const featuresShownMax = 8;
/** Log-odds below this are not worth a line. */
const contributionMin = 0.01;

/** What a model file says of a prompt: no endpoint is asked, so there are no pools, costs or waits. */
export async function routeExplainOffline(words: readonly string[], file: string, terminal: Terminal): Promise<Exit> {
  const prompt = await readPrompt(words, terminal);
  if (prompt === '') {
    throw new Failure('usage', 'There is no prompt.', { remedy: 'Give one: route explain "Prove that 2 is prime."' });
  }
  const { seen, signal } = read([{ role: 'user', text: prompt }]);
  const score = scoreSeen(readModel(file), seen);
  if (terminal.json) terminal.printJson({ ...score, signal });
  else terminal.print(render(score, signal, terminal.width));
  return 'ok';
}

function render({ p, contributions }: Score, signal: boolean, width: number): string {
  const strongest = contributions
    .filter(({ small }) => Math.abs(small) >= contributionMin)
    .toSorted((a, b) => Math.abs(b.small) - Math.abs(a.small))
    .slice(0, featuresShownMax);
  const rows = tiers.map((tier) => [tier, formatShare(p[tier])]);
  return [
    renderTable([{ title: 'TIER' }, { title: 'P(GOOD)', align: 'right' }], rows, width),
    signal
      ? 'What speaks for the small tier (+) or against it (-), in log-odds:'
      : 'The prompt says nothing of how hard it is: a router sends it to the middle. What there is, in log-odds:',
    ...strongest.map(({ name, small }) => `  ${spacedName(name)}: ${small > 0 ? '+' : ''}${formatFigure(small)}`),
  ].join('\n');
}
