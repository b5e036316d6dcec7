import type { Hour } from './day.ts';
import { fixedShareOf, shareOf } from './report.ts';

const [width, height, left, bottom, top] = [720, 260, 44, 28, 34];
/** The plot's top, as a multiple of the wanted share. */
const shareTop = 3;

/** The day as a picture: the share by hour with its band, the same under a fixed cost weight, and how many asked. */
export function plot(hours: readonly Hour[], wanted: number): string {
  const shareMax = Math.min(1, wanted * shareTop);
  const requestsMax = Math.max(...hours.map(({ requests }) => requests));
  const x = (hour: number): number => left + ((width - left - 12) * hour) / hours.length;
  const y = (part: number): number => height - bottom - (height - bottom - top) * Math.min(1, part);
  const line = (values: readonly number[]): string =>
    values.map((value, at) => `${x(at + 0.5).toFixed(1)},${y(value / shareMax).toFixed(1)}`).join(' ');
  const bars = hours.map(({ requests }, at) => {
    const from = y((0.9 * requests) / requestsMax);
    return `<rect x="${(x(at) + 2).toFixed(1)}" y="${from.toFixed(1)}" width="${(x(1) - x(0) - 4).toFixed(1)}" height="${(y(0) - from).toFixed(1)}" fill="#d8dee9"/>`;
  });
  const band = { from: y((wanted + 0.02) / shareMax), to: y((wanted - 0.02) / shareMax) };
  const hourTicks = [0, 6, 12, 18, 24].map((hour) => text(x(hour), height - 10, `${hour}:00`, 'middle'));
  const shareTicks = [0, wanted, 2 * wanted, shareMax].map((share) =>
    text(left - 6, y(share / shareMax) + 4, `${Math.round(share * 100)} %`, 'end'),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" role="img" aria-label="Share of the large pool by hour">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...bars,
    `<rect x="${left}" y="${band.from.toFixed(1)}" width="${width - left - 12}" height="${(band.to - band.from).toFixed(1)}" fill="#a3be8c" opacity="0.5"/>`,
    `<polyline points="${line(hours.map(fixedShareOf))}" fill="none" stroke="#bf616a" stroke-width="1.5" stroke-dasharray="4 3"/>`,
    `<polyline points="${line(hours.map(shareOf))}" fill="none" stroke="#2e3440" stroke-width="2"/>`,
    ...hourTicks,
    ...shareTicks,
    text(
      left,
      16,
      'Large pool, share of the requests of an hour: steered (line) and under the best fixed cost weight (dashes);',
      'start',
    ),
    text(left, 29, `band: ${Math.round(wanted * 100)} % and 2 points around it; bars: requests`, 'start'),
    '</svg>',
    '',
  ].join('\n');
}

const text = (x: number, y: number, words: string, anchor: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#2e3440">${words}</text>`;
