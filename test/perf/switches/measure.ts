import { systemClock } from '@qwenfleet/core/clock';
import { Engine } from '@qwenfleet/runtime/engine/engine';
import { readModel } from '@qwenfleet/runtime/model/read';
import { spreadOf, type Spread } from '../../harness/statistics.ts';
import { meanLatencyMs, requestsPerSecond, type Asked } from './load.ts';
import { openVariant, variantsOf, type Variant } from './variants.ts';

export type SwitchesOptions = {
  /** Of the weights. */
  location: string;
  cacheDir: string;
  on: Omit<Variant, 'fused'>;
  rounds: number;
  clients: number;
  /** In each half of a round. */
  requests: number;
  promptTokens: number;
  answerTokens: number;
  onRound?: (done: number, total: number) => void;
};

/** Each beside its ratio to the naive one, round by round. */
export type SwitchRow = {
  name: string;
  requestsPerSecond: Spread;
  timesAsMany: Spread;
  latencyMs: Spread;
  latencyRatio: Spread;
};

/** The share of what the naive engine can do that comes in when latencies are compared. */
const loadShare = 0.7;
const prefillChunkTokens = 128;

/**
 * All variants in memory at once, asked in turn: each half of a round by each, so that what slows the machine for a while
 * slows all. First what eight clients get of it who never rest, then how long an answer takes at a load that the naive one
 * can bear too. The first round warms up and is not counted.
 */
export async function measureSwitches(options: SwitchesOptions): Promise<SwitchRow[]> {
  const { location, cacheDir, rounds, clients, requests, promptTokens, answerTokens } = options;
  const model = readModel(location);
  const slotTokens = promptTokens + answerTokens + 8;
  const opened: { name: string; engine: Engine; rates: number[]; latencies: number[] }[] = [];
  try {
    for (const [name, variant] of Object.entries(variantsOf(options.on))) {
      const generator = await openVariant(model, variant, { slotTokens, cacheDir });
      const engine = new Engine({ generator, clock: systemClock, prefillChunkTokens, queueMax: requests });
      opened.push({ name, engine, rates: [], latencies: [] });
    }
    const asked: Asked = { promptTokens, answerTokens, vocabularySize: model.vocabularySize };
    for (let round = -1; round < rounds; round += 1) {
      options.onRound?.(round + 1, rounds + 1);
      const seed = (round + 1) * 1_000_003;
      const found = new Map<string, { rate: number; latency: number }>();
      let perSecond: number | undefined;
      for (const { name, engine } of opened) {
        const rate = await requestsPerSecond(engine, { clients, requests, seed }, asked);
        perSecond ??= rate * loadShare;
        const latency = await meanLatencyMs(engine, { perSecond, requests, seed: seed + requests }, asked);
        found.set(name, { rate, latency });
      }
      if (round >= 0)
        for (const { name, rates, latencies } of opened) {
          rates.push(found.get(name)?.rate ?? Number.NaN);
          latencies.push(found.get(name)?.latency ?? Number.NaN);
        }
    }
    return opened.map((one) => rowOf(one, opened[0] ?? one));
  } finally {
    for (const { engine } of opened) await engine.release();
  }
}

type Figures = { name: string; rates: readonly number[]; latencies: readonly number[] };

const ratios = (own: readonly number[], base: readonly number[]): Spread =>
  spreadOf(own.map((value, round) => value / (base[round] ?? Number.NaN)));

/** Of one beside the naive one. */
export const rowOf = ({ name, rates, latencies }: Figures, base: Figures): SwitchRow => ({
  name,
  requestsPerSecond: spreadOf(rates),
  timesAsMany: ratios(rates, base.rates),
  latencyMs: spreadOf(latencies),
  latencyRatio: ratios(latencies, base.latencies),
});
