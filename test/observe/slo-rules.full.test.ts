import { burnRates, burnRatio } from '@qwenfleet/core/slo/burn-rate';
import { sloRules, type Objectives } from '@qwenfleet/core/slo/rules';
import type { Subject } from '@qwenfleet/core/slo/subject';
import { metrics } from '@qwenfleet/core/telemetry/names';
import { describe, expect, it } from 'vitest';
import { findPrometheus } from '../harness/prometheus/programs.ts';
import { promtoolSays, type Series } from '../harness/prometheus/promtool.ts';

const programs = await findPrometheus();
const labels = { namespace: 'fleet', pool: 'chat' };
const pool: Subject = { kind: 'pool', name: 'chat', series: labels, labels: { ...labels, tier: 'small' } };

/** Three days in steps of half a minute take promtool minutes: the longer the windows, the longer the steps. */
const fine = { scrapeSeconds: 30, intervalSeconds: 30 };
const middle = { scrapeSeconds: 60, intervalSeconds: 60 };
const coarse = { scrapeSeconds: 60, intervalSeconds: 300 };
type Pace = typeof fine;

const budget = 0.001;
const burn = (name: string): string => `QwenfleetErrorBudget${name}`;
const spent = burn('Spent');

const text = Object.entries(labels)
  .map(([name, value]) => `${name}="${value}"`)
  .join(',');
const requests = (status: string, values: string, pod = 'a'): Series => ({
  series: `${metrics.routerRequests.name}{${text},route="chat/completions",status="${status}",pod="${pod}"}`,
  values,
});
const seen: Series = { series: `${metrics.routerInFlight.name}{${text}}`, values: '0x9000' };
/** Series that never change their pace: so many more each scrape. */
const steady = (ratio: number, perScrape = 1000): Series[] => [
  requests('200', `0+${perScrape * (1 - ratio)}x9000`),
  requests('503', `0+${perScrape * ratio}x9000`),
];
/** `count` requests at each of `scrapes`, some of them failed; what follows goes on from there. */
function phases(...parts: { scrapes: number; good: number; bad: number }[]): Series[] {
  const values = (per: (part: (typeof parts)[number]) => number): string => {
    let total = 0;
    return parts
      .map((part) => {
        const from = total;
        total += per(part) * part.scrapes;
        return `${from}+${per(part)}x${part.scrapes - 1}`;
      })
      .join(' ');
  };
  return [
    requests(
      '200',
      values(({ good }) => good),
    ),
    requests(
      '503',
      values(({ bad }) => bad),
    ),
  ];
}

type Asked = { pace?: Pace; series: Series[]; at: string; fire: readonly string[]; objectives?: Partial<Objectives> };

async function judge({ pace = fine, series, at, fire, objectives = { availability: '99.9' } }: Asked): Promise<void> {
  const group = sloRules(pool, { window: '30d', ...objectives }, { intervalSeconds: pace.intervalSeconds, nextToken });
  if (!group || !programs) throw new Error('there are no rules, or nobody to read them');
  const { scrapeSeconds } = pace;
  expect(await promtoolSays(programs.promtool, { group, scrapeSeconds, series, at, fire })).toBeUndefined();
}

const nextToken = { metric: metrics.runtimeTokenSeconds.name, series: labels };
/** Answers of which `slow` of 1000 at each scrape take longer than a second, and less than 2.5. */
const latencies = (metric: string, slow: number, perScrape = 1000): Series[] => {
  const fast = (perScrape * (1000 - slow)) / 1000;
  const all = `0+${perScrape}x240`;
  return [
    { series: `${metric}_bucket{${text},le="1"}`, values: `0+${fast}x240` },
    { series: `${metric}_bucket{${text},le="2.5"}`, values: all },
    { series: `${metric}_bucket{${text},le="+Inf"}`, values: all },
    { series: `${metric}_count{${text}}`, values: all },
  ];
};

/** Which pairs a steady share of failures sets off, after as long as their long window. */
const stairs = [
  { name: 'FastBurn', pace: fine, at: '75m' },
  { name: 'SteadyBurn', pace: middle, at: '6h20m' },
  { name: 'SlowBurn', pace: coarse, at: '1d1h' },
  { name: 'Drain', pace: coarse, at: '3d1h' },
] as const;
const factorOf = (name: string): number => burnRates.find((rate) => rate.name === name)?.factor ?? 0;
const slowerThan = (factor: number): string[] =>
  burnRates.filter((rate) => rate.factor <= factor).map(({ name }) => burn(name));

describe.skipIf(!programs)('alerts of an error budget', () => {
  it.each(stairs)('$name fires at its rate, and all slower ones with it', ({ name, pace, at }) => {
    const ratio = burnRatio(factorOf(name), budget) * 1.001;
    return judge({
      pace,
      series: [seen, ...steady(ratio)],
      at,
      fire: [...slowerThan(factorOf(name)), spent],
    });
  });

  it.each(stairs)('$name is quiet at 0.9 of its rate', ({ name, pace, at }) => {
    const ratio = burnRatio(factorOf(name), budget) * 0.9;
    const slower = burnRates.filter(({ factor }) => factor < factorOf(name)).map((rate) => burn(rate.name));
    return judge({ pace, series: [seen, ...steady(ratio)], at, fire: ratio > budget ? [...slower, spent] : slower });
  });

  it.each(stairs.slice(0, 2))('$name fires through a restart of the router', ({ name, pace, at }) => {
    const ratio = burnRatio(factorOf(name), budget) * 1.05;
    const half = (per: number): string => `0+${per}x60 0+${per}x60 0+${per}x9000`;
    const series = [seen, requests('200', half(1000 * (1 - ratio))), requests('503', half(1000 * ratio))];
    return judge({ pace, series, at, fire: [...slowerThan(factorOf(name)), spent] });
  });

  it.each(stairs.slice(0, 2))(
    '$name is quiet at 0.9 of its rate through a restart of the router',
    ({ name, pace, at }) => {
      const ratio = burnRatio(factorOf(name), budget) * 0.9;
      const half = (per: number): string => `0+${per}x60 0+${per}x60 0+${per}x9000`;
      const series = [seen, requests('200', half(1000 * (1 - ratio))), requests('503', half(1000 * ratio))];
      const slower = burnRates.filter(({ factor }) => factor < factorOf(name)).map((rate) => burn(rate.name));
      return judge({ pace, series, at, fire: [...slower, spent] });
    },
  );

  it('fire through twenty minutes without a scrape', () => {
    const gap = (per: number): string => `0+${per}x40 _x40 ${per * 80}+${per}x9000`;
    const series = [seen, requests('200', gap(900)), requests('503', gap(100))];
    return judge({ series, at: '90m', fire: [...slowerThan(14.4), spent] });
  });

  it('are quiet after a gap in which nothing failed', () => {
    const gap = (per: number): string => `0+${per}x40 _x40 ${per * 80}+${per}x9000`;
    return judge({ series: [seen, requests('200', gap(1000)), requests('503', gap(0))], at: '90m', fire: [] });
  });

  it('end within the short window once failures end', () => {
    const series = phases({ scrapes: 60, good: 800, bad: 200 }, { scrapes: 14, good: 1000, bad: 0 });
    return judge({
      series: [seen, ...series],
      at: '36m',
      fire: [burn('SteadyBurn'), burn('SlowBurn'), burn('Drain'), spent],
    });
  });

  it('are quiet after a spike of a minute that the long window bears', () => {
    const series = phases(
      { scrapes: 130, good: 1000, bad: 0 },
      { scrapes: 2, good: 600, bad: 400 },
      { scrapes: 4, good: 1000, bad: 0 },
    );
    return judge({ series: [seen, ...series], at: '66m', fire: [] });
  });

  it('are quiet while nobody asks', () => judge({ series: [seen, requests('200', '7x240')], at: '2h', fire: [] }));

  it('are quiet with four failures in a night of few requests', () => {
    const series = [seen, requests('200', '0+0.02x400'), requests('503', '0x30 1x30 2x30 3x30 4x300')];
    return judge({ series, at: '2h', fire: [] });
  });

  it('fire with few requests that nearly all fail', () => {
    const series = [seen, requests('200', '0x400'), requests('503', '0+0.25x400')];
    return judge({ series, at: '2h', fire: [...slowerThan(14.4), spent] });
  });

  it('count a full queue, which is ours, and nothing that clients did wrong', async () => {
    const series = (status: string): Series[] => [seen, requests('200', '0+900x400'), requests(status, '0+100x400')];
    for (const status of ['400', '404', '413', '499']) await judge({ series: series(status), at: '2h', fire: [] });
    await judge({ series: series('429'), at: '2h', fire: [...slowerThan(14.4), spent] });
  });

  it('add up all routers', () => {
    const good = [requests('200', '0+1000x400', 'a'), requests('200', '0+1000x400', 'b')];
    return judge({
      series: [seen, ...good, requests('502', '0+40x400', 'b')],
      at: '2h',
      fire: [...slowerThan(14.4), spent],
    });
  });

  it('are about this pool and no other', () => {
    const other = requests('503', '0+900x400');
    const series = { ...other, series: other.series.replace('"chat"', '"code"') };
    return judge({ series: [seen, ...steady(0), series], at: '2h', fire: [] });
  });

  it('come when everything fails, however small the objective', () =>
    judge({
      series: [seen, ...steady(1)],
      at: '75m',
      objectives: { availability: '80' },
      fire: [...slowerThan(14.4), spent],
    }));

  it('over a day have no pair that looks back further', () =>
    judge({
      series: [seen, ...steady(0.02)],
      at: '75m',
      objectives: { availability: '99.9', window: '1d' },
      fire: [...slowerThan(14.4).slice(0, 3), spent],
    }));

  it('say when the budget is spent though nothing fails any more', () => {
    const series = phases({ scrapes: 10, good: 500, bad: 500 }, { scrapes: 800, good: 1000, bad: 0 });
    return judge({ pace: coarse, series: [seen, ...series], at: '12h', fire: [spent] });
  });
});

describe.skipIf(!programs)('alerts of latency', () => {
  const first = metrics.routerFirstByteSeconds.name;
  const next = metrics.runtimeTokenSeconds.name;
  it.each([
    ['the first token', first, { ttftP95: '1s' }, 'QwenfleetFirstTokenSlow'],
    ['tokens', next, { itlP95: '1s' }, 'QwenfleetTokensSlow'],
  ])('fire when more than one in twenty is slow: %s', async (_what, metric, objectives, alert) => {
    await judge({ series: [seen, ...latencies(metric, 60)], at: '30m', objectives, fire: [alert] });
    await judge({ series: [seen, ...latencies(metric, 45)], at: '30m', objectives, fire: [] });
  });

  it('are quiet while there are too few answers to judge', () =>
    judge({ series: [seen, ...latencies(first, 900, 0.5)], at: '30m', objectives: { ttftP95: '1s' }, fire: [] }));
});

describe.skipIf(!programs)('objectives that nobody measures', () => {
  it('are told of after ten minutes', async () => {
    await judge({ series: [], at: '9m', fire: [] });
    await judge({ series: [], at: '11m', fire: ['QwenfleetUnobserved'] });
  });

  it('are told of when the last router is gone', () => {
    const gone: Series = { ...seen, values: '0x20 stale _x100' };
    return judge({ series: [gone], at: '40m', fire: ['QwenfleetUnobserved'] });
  });
});
