/** One line of Prometheus' text format. */
export type Sample = { name: string; labels: Readonly<Record<string, string>>; value: number };

const samplePattern = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const labelPattern = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function readSamples(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = samplePattern.exec(line) ?? [];
    if (name === undefined || value === undefined) return [];
    const pairs = [...labels.matchAll(labelPattern)].map(([, key = '', of = '']) => [key, of] as const);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/** The sum over all series of the name; NaN where there is none. */
export function valueOf(samples: readonly Sample[], name: string): number {
  const own = samples.filter((sample) => sample.name === name);
  return own.length === 0 ? Number.NaN : own.reduce((sum, { value }) => sum + value, 0);
}

/**
 * The bucket's upper end below which a share of what a histogram saw between two scrapes lies, over all of its series.
 * NaN where it saw nothing.
 */
export function quantileBetween(
  before: readonly Sample[],
  after: readonly Sample[],
  name: string,
  share: number,
): number {
  const grown = new Map<number, number>();
  const add = (samples: readonly Sample[], sign: 1 | -1): void => {
    for (const { name: own, labels, value } of samples) {
      if (own !== `${name}_bucket`) continue;
      const end = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
      grown.set(end, (grown.get(end) ?? 0) + sign * value);
    }
  };
  add(before, -1);
  add(after, 1);
  const buckets = [...grown].toSorted(([a], [b]) => a - b);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return Number.NaN;
  return buckets.find(([, count]) => count >= share * total)?.[0] ?? Number.NaN;
}
