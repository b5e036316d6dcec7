import type { RunningFleet } from '../harness/fleet.ts';
import { addedMs, overheadPairs, type PairOptions } from '../harness/overhead.ts';
import { replicaOf } from '../harness/replicas.ts';
import { spreadOf, type Spread } from '../harness/statistics.ts';
import { takeBurst, type BurstResult } from './burst.ts';

export type BenchOptions = { rounds: number; tokensMax: number; streams: readonly number[]; pairs: PairOptions };

/** One line of the table: a pool at a number of streams, through the router or straight to its runtime. */
export type Cell = {
  pool: string;
  streams: number;
  way: 'router' | 'direct';
  requests: number;
  failures: number;
  tokens: number;
  firstTokenMs: Spread;
  tokensPerSecond: Spread;
};

export type Bench = { routerAddsMs: Spread & { pairs: number }; cells: Cell[] };

type Way = { pool: string; streams: number; way: Cell['way']; url: string; model: string; results: BurstResult[] };

/**
 * Every cell once a round, router and runtime one after the other: what slows the machine for a while slows both.
 * Each figure is a median with the least and the most beside it.
 */
export async function measureFleet(fleet: RunningFleet, options: BenchOptions): Promise<Bench> {
  const ways = await waysOf(fleet, options.streams);
  for (const { url, model } of ways) await takeBurst({ url, model, streams: 1, tokensMax: 2 });
  const pairs = addedMs(await overheadPairs(fleet, options.pairs));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { url, model, streams, results } of round % 2 === 0 ? ways : ways.toReversed())
      results.push(await takeBurst({ url, model, streams, tokensMax: options.tokensMax }));
  }
  return { routerAddsMs: { ...spreadOf(pairs), pairs: pairs.length }, cells: ways.map(cellOf) };
}

async function waysOf(fleet: RunningFleet, streamCounts: readonly number[]): Promise<Way[]> {
  const ways: Way[] = [];
  for (const { name } of await fleet.pools()) {
    const runtime = await replicaOf(fleet, name);
    for (const streams of streamCounts) {
      ways.push({ pool: name, streams, way: 'router', url: fleet.url, model: name, results: [] });
      ways.push({ pool: name, streams, way: 'direct', url: runtime.url, model: 'auto', results: [] });
    }
  }
  return ways;
}

function cellOf({ pool, streams, way, results }: Way): Cell {
  const sum = (of: (result: BurstResult) => number): number => results.reduce((total, one) => total + of(one), 0);
  return {
    pool,
    streams,
    way,
    requests: sum(({ requests }) => requests),
    failures: sum(({ failures }) => failures),
    tokens: sum(({ tokens }) => tokens),
    firstTokenMs: spreadOf(results.flatMap(({ firstTokenMs }) => firstTokenMs)),
    tokensPerSecond: spreadOf(results.map(({ tokensPerSecond }) => tokensPerSecond)),
  };
}
