import type { FleetClient } from '../client.ts';
import { Failure, type Exit } from '../failure.ts';
import { formatDuration, formatFigure, formatShare, spacedName } from '../format.ts';
import { readPrompt } from '../prompt.ts';
import { renderTable, type Column } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { explanationSchema, type Explanation } from '../wire.ts';

export type ExplainOptions = { client: FleetClient; terminal: Terminal; model: string };

const featuresShownMax = 8;

/** Asks where a prompt would go and why; nothing is dispatched. */
export async function routeExplain(words: readonly string[], options: ExplainOptions): Promise<Exit> {
  const { client, terminal, model } = options;
  const prompt = await readPrompt(words, terminal);
  if (prompt === '') {
    throw new Failure('usage', 'There is no prompt.', { remedy: 'Give one: route explain "Prove that 2 is prime."' });
  }
  const body = { model, messages: [{ role: 'user', content: prompt }] };
  const explanation = await client.post('/v1/route/explain', body, explanationSchema);
  if (terminal.json) terminal.printJson(explanation);
  else terminal.print(renderExplanation(explanation, terminal));
  return 'ok';
}

const columns: Column[] = [
  { title: 'POOL' },
  { title: 'P(GOOD)', align: 'right' },
  { title: 'COST', align: 'right' },
  { title: 'WAIT', align: 'right' },
  { title: 'ELIGIBLE' },
  { title: 'WHY', flexible: true },
];

/** The decision in a sentence, the pools it was made between, and what the router saw in the prompt. */
export function renderExplanation(explanation: Explanation, terminal: Pick<Terminal, 'style' | 'width'>): string {
  const rows = explanation.pools.map((pool) => [
    pool.name === explanation.pool ? `${pool.name} *` : pool.name,
    formatShare(pool.p),
    formatFigure(pool.cost),
    pool.waitMs > 0 ? formatDuration(pool.waitMs) : '-',
    pool.eligible ? 'yes' : 'no',
    pool.why ?? '',
  ]);
  // The router's sentence begins with the pool.
  const words = explanation.words === '' ? explanation.reason : explanation.words;
  const sentence = words.startsWith(`${explanation.pool}: `) ? words.slice(explanation.pool.length + 2) : words;
  const sections = [
    `${terminal.style('bold', explanation.pool)}: ${sentence}`,
    renderTable(columns, rows, terminal.width),
    renderFeatures(explanation.features),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** The strongest first when they are numbers; what is absent is left out. */
function renderFeatures(features: Record<string, unknown>): string {
  const present = Object.entries(features).flatMap(([name, value]) => {
    const plain = plainValue(value);
    return plain === undefined ? [] : [{ name: spacedName(name), ...plain }];
  });
  if (present.length === 0) return '';
  const shown = present.toSorted((a, b) => b.strength - a.strength).slice(0, featuresShownMax);
  const rest = present.length - shown.length;
  const lines = shown.map(({ name, text }) => `  ${name}: ${text}`);
  return ['What the router saw:', ...lines, ...(rest > 0 ? [`  and ${rest} more, with --json`] : [])].join('\n');
}

function plainValue(value: unknown): { text: string; strength: number } | undefined {
  if (typeof value === 'number')
    return value === 0 ? undefined : { text: formatFigure(value), strength: Math.abs(value) };
  if (typeof value === 'boolean') return value ? { text: 'yes', strength: 1 } : undefined;
  if (typeof value === 'string') return value === '' ? undefined : { text: value, strength: 1 };
  return value === null || value === undefined ? undefined : { text: JSON.stringify(value), strength: 0 };
}
