import type { Contribution } from '../../score/model.ts';
import type { Reading } from '../../score/conversation.ts';
import type { Candidate } from './choose.ts';

/** Why a pool was chosen, as a word that programs may switch on. */
export const reasons = ['easy', 'balanced', 'hard', 'wait', 'no-signal', 'only-eligible'] as const;
export type Reason = (typeof reasons)[number];

/** What a prompt is called when a feature is what tells most about it. */
export const easyNouns: Record<string, string> = {
  greeting: 'greeting',
  smallTalk: 'pleasantry',
  simpleFact: 'question about a simple fact',
  everydayTask: 'everyday request',
  rework: 'piece of text to rework',
  writing: 'piece of writing',
  shortQuestion: 'question',
  simpleAsk: 'everyday question',
};
export const hardNouns: Record<string, string> = {
  proof: 'proof',
  derivation: 'derivation',
  systems: 'demanding program',
  program: 'program',
  analysis: 'analysis',
  design: 'design',
  demands: 'task of several parts',
  constraint: 'task with conditions',
  multiStep: 'task of several steps',
  mathematics: 'question of mathematics',
  formulas: 'question with formulas',
  numbers: 'question with many numbers',
  science: 'question of science',
  law: 'question of law',
  condition: 'question with assumptions',
  quantity: 'word problem',
  explain: 'request to explain',
  choices: 'question with given options',
};
const nounsMax = 2;
const shortUnits = 15;
const longUnits = 80;

/** A sentence that support can read to a customer: what was seen, and what another pool would change. */
export function sentence(
  reason: Reason,
  chosen: Candidate,
  others: readonly Candidate[],
  seen: {
    reading: Reading;
    contributions: readonly Contribution[];
    excluded: readonly { name: string; why: string }[];
  },
): string {
  const { name } = chosen.pool;
  if (reason === 'only-eligible') {
    const why = seen.excluded.map((pool) => `${pool.name}: ${pool.why}`).join('; ');
    return `${name}: the only pool that can answer${why === '' ? '' : ` (${why})`}`;
  }
  if (reason === 'no-signal') return `${name}: the prompt says nothing of how hard it is, so it goes to the middle`;
  const context = seen.reading.inherited ? ', read together with an earlier turn' : '';
  const waiting = reason === 'wait' ? ' and the pool that suits it best would take longer to begin' : '';
  return `${name}: ${describe(reason, seen.reading, seen.contributions)}${context}${waiting}; ${comparison(chosen, others)}`;
}

function describe(reason: Reason, { seen }: Reading, contributions: readonly Contribution[]): string {
  const nouns = reason === 'easy' ? easyNouns : hardNouns;
  const sign = reason === 'easy' ? 1 : -1;
  const named = contributions
    .filter(({ name, value, small }) => nouns[name] !== undefined && value > 0 && small * sign > 0.05)
    .toSorted((a, b) => (b.small - a.small) * sign)
    .slice(0, reason === 'easy' ? 1 : nounsMax)
    .map(({ name }) => nouns[name] ?? '');
  const size = seen.units < shortUnits ? 'short ' : seen.units > longUnits ? 'long ' : '';
  if (named.length === 0) return size === '' ? 'an ordinary prompt' : `a ${size}prompt`;
  const [first = '', ...rest] = named;
  return [withArticle(`${size}${first}`), ...rest.map(withArticle)].join(' and ');
}

/** The comparison that matters: upwards with what it would gain, or downwards with what it would lose. */
function comparison(chosen: Candidate, others: readonly Candidate[]): string {
  const byCost = others.toSorted((a, b) => a.pool.costPerToken - b.pool.costPerToken);
  const dearest = byCost.at(-1);
  const other = dearest && dearest.pool.costPerToken > chosen.pool.costPerToken ? dearest : byCost[0];
  if (!other) return 'there is no other pool';
  const difference = Math.round((other.p - chosen.p) * 100);
  const more = difference >= 0 ? 'more' : 'less';
  const often = difference === 0 ? 'right about as often' : `right ${Math.abs(difference)} % ${more} often`;
  return `the ${other.pool.name} pool would be ${often}${price(chosen.pool.costPerToken, other.pool.costPerToken)}`;
}

function price(own: number, other: number): string {
  if (own === other) return ' at the same cost';
  if (own === 0 || other === 0) return '';
  const ratio = other / own;
  return ratio > 1 ? ` at ${plain(ratio)} times the cost` : ` at ${plain(ratio * 100)} % of the cost`;
}

const plain = (value: number): string => String(Number(value.toPrecision(2)));
export const withArticle = (noun: string): string => `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun}`;
