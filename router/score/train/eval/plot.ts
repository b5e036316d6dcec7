import { ownWay, type SetRow } from '../evaluate.ts';
import type { Hull } from '../hull.ts';

const size = { width: 340, height: 280, left: 44, right: 12, top: 30, bottom: 40 };
const styles: Record<string, string> = {
  [ownWay]: '#0b62d6',
  length: '#b4562b',
  'n-gram': '#6b8e23',
  dense: '#8a4fbf',
  LiteLLM: '#c2185b',
};
const perRow = 3;

type Line = { points: readonly (readonly [number, number])[]; colour: string; dashed?: boolean };
type Panel = { title: string; x: string; y: string; lines: Line[]; dots?: [number, number][] };

/** Every set's curve of calls against recovered gap, and the hull of the three pools: one SVG file. */
export function plotOf(rows: readonly SetRow[], hull: Hull): string {
  const names = Object.keys(styles).filter((name) => rows.some(({ curves }) => curves[name]));
  const panels = [...rows.map((row) => setPanel(row, names)), hullPanel(hull)];
  const height = Math.ceil(panels.length / perRow) * size.height + 30;
  const legend = names
    .map((name, at) => `<text x="${20 + at * 110}" y="20" fill="${styles[name]}">${escape(name)}</text>`)
    .join('');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${perRow * size.width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>${legend}`,
    ...panels.map((panel, at) => {
      const [x, y] = [(at % perRow) * size.width, 30 + Math.floor(at / perRow) * size.height];
      return `<g transform="translate(${x} ${y})">${draw(panel)}</g>`;
    }),
    '</svg>',
    '',
  ].join('\n');
}

function setPanel({ id, curves }: SetRow, names: readonly string[]): Panel {
  const random: Line = {
    points: [
      [0, 0],
      [1, 1],
    ],
    colour: '#999',
    dashed: true,
  };
  const lines = names.map((name): Line => ({ points: curves[name] ?? [], colour: styles[name] ?? '#000' }));
  return { title: id, x: 'share for the strong model', y: 'gap recovered', lines: [random, ...lines] };
}

function hullPanel({ pools, router }: Hull): Panel {
  const spots = Object.values(pools).map(({ cost, quality }): [number, number] => [cost, quality]);
  const routed = router.map(({ cost, quality }): [number, number] => [cost, quality]);
  return {
    title: 'Three pools: cost and quality',
    x: 'cost',
    y: 'quality',
    lines: [
      { points: spots, colour: '#999', dashed: true },
      { points: routed, colour: styles[ownWay] ?? '#000' },
    ],
    dots: spots,
  };
}

function draw({ title, x, y, lines, dots = [] }: Panel): string {
  const all = [...lines.flatMap(({ points }) => points), ...dots];
  const axisX = axis(all.map(([value]) => value));
  const axisY = axis(all.map(([, value]) => value));
  const at = ([a, b]: readonly [number, number]): string =>
    `${(size.left + axisX.share(a) * (size.width - size.left - size.right)).toFixed(1)},${(size.height - size.bottom - axisY.share(b) * (size.height - size.top - size.bottom)).toFixed(1)}`;
  const bottom = size.height - size.bottom;
  return [
    `<text x="${size.left}" y="18" font-weight="bold">${escape(title)}</text>`,
    `<path d="M${size.left} ${size.top}V${bottom}H${size.width - size.right}" fill="none" stroke="#333"/>`,
    `<text x="${size.left}" y="${bottom + 28}">${escape(x)}</text>`,
    `<text x="14" y="${bottom}" transform="rotate(-90 14 ${bottom})">${escape(y)}</text>`,
    `<text x="${size.left - 4}" y="${bottom + 4}" text-anchor="end">${label(axisY.from)}</text>`,
    `<text x="${size.left - 4}" y="${size.top + 4}" text-anchor="end">${label(axisY.until)}</text>`,
    `<text x="${size.left}" y="${bottom + 14}">${label(axisX.from)}</text>`,
    `<text x="${size.width - size.right}" y="${bottom + 14}" text-anchor="end">${label(axisX.until)}</text>`,
    ...lines.map(
      ({ points, colour, dashed }) =>
        `<polyline points="${points.map(at).join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"${dashed ? ' stroke-dasharray="4 3"' : ''}/>`,
    ),
    ...dots.map((dot) => `<circle cx="${at(dot).split(',')[0]}" cy="${at(dot).split(',')[1]}" r="3.5" fill="#333"/>`),
  ].join('');
}

function axis(values: readonly number[]): { from: number; until: number; share: (value: number) => number } {
  const from = Math.min(...values);
  const until = Math.max(...values);
  return { from, until, share: (value) => (until === from ? 0.5 : (value - from) / (until - from)) };
}

const label = (value: number): string => String(Number(value.toFixed(2)));
export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
