import { seededRng, type Rng } from '@qwenfleet/core/rng';
import { chooseReplica } from '@qwenfleet/router/policy/choose-replica';
import { join } from '@qwenfleet/router/policy/hash';
import { Popularity } from '@qwenfleet/router/policy/prefix-hash/popularity';
import { percentile } from '../../harness/statistics.ts';
import { SimulatedReplica, type Beginning } from './replica.ts';

/** Conversations of some programs: how many come in a second, how long instructions are, how many turns they have. */
export type Load = { perSecond: number; programs: number; instructionTokens: number; turns: number };
export const strategies = ['PrefixHash', 'LeastLoad'] as const;
export type Strategy = (typeof strategies)[number];
export type Found = {
  cachedShare: number;
  firstByteMs: number;
  firstByteP95Ms: number;
  totalMs: number;
  totalP95Ms: number;
};

const replicaCount = 4;
const engine = { concurrency: 16, cacheTokensMax: 60_000 };
const loadFactor = 125;
const forMs = 240_000;
const tickMs = 20;
const questionTokens = 60;
const answerTokens = { least: 30, more: 100 };
/** Between an answer and the next question. */
const readingMs = { least: 2_000, more: 6_000 };

type Turn = {
  atMs: number;
  conversation: number;
  program: number;
  /** Of the conversation: it is the same however its replicas are chosen. */
  rng: Rng;
  historyTokens: number;
  /** Its prompts before this one, newest first. */
  before: readonly Beginning[];
};

/** A pool of four replicas under a load, in a time of its own: the same seed gives the same result. */
export function simulate(strategy: Strategy, load: Load, seed: number): Found {
  const rng = seededRng(seed);
  const replicas = Array.from({ length: replicaCount }, (_, at) => new SimulatedReplica(`replica-${at}`, engine));
  const popularity = new Popularity();
  const firstByteMs: number[] = [];
  const totalMs: number[] = [];
  const sum = { prompt: 0, cached: 0, asked: 0 };
  let due: Turn[] = [];
  let conversations = 0;
  let nextMs = 0;

  /** False when every replica is full. */
  const send = (turn: Turn): boolean => {
    const shared = join(1, turn.program);
    const keys = { shared, own: join(shared, turn.conversation) };
    const key = strategy === 'PrefixHash' ? popularity.keyOf(keys, replicaCount) : undefined;
    const replica = chooseReplica(replicas, { key, loadFactor });
    if (!replica) return false;
    replica.askedLast = sum.asked += 1;
    const tokens = load.instructionTokens + turn.historyTokens + questionTokens;
    const before = [{ name: `turn ${turn.conversation}:${turn.before.length}`, tokens }, ...turn.before];
    const beginnings = [...before, { name: `program ${turn.program}`, tokens: load.instructionTokens }];
    const answer = answerTokens.least + Math.floor(turn.rng() * answerTokens.more);
    const cached = replica.take({ tokens, beginnings }, answer, {
      began: (nowMs) => firstByteMs.push(nowMs - turn.atMs),
      ended: (nowMs) => {
        totalMs.push(nowMs - turn.atMs);
        if (before.length === load.turns) return;
        const atMs = nowMs + readingMs.least + turn.rng() * readingMs.more;
        due.push({ ...turn, atMs, before, historyTokens: turn.historyTokens + questionTokens + answer });
      },
    });
    sum.prompt += tokens;
    sum.cached += cached;
    return true;
  };

  for (let nowMs = 0; nowMs < forMs; nowMs += tickMs) {
    for (; nextMs <= nowMs; nextMs += (-Math.log(1 - rng()) * 1_000) / load.perSecond) {
      const program = Math.floor(rng() * load.programs);
      conversations += 1;
      const own = seededRng(join(seed, conversations));
      due.push({ atMs: nextMs, conversation: conversations, program, rng: own, historyTokens: 0, before: [] });
    }
    const now = due.filter(({ atMs }) => atMs <= nowMs).toSorted((a, b) => a.atMs - b.atMs);
    due = due.filter(({ atMs }) => atMs > nowMs);
    due.push(...now.filter((turn) => !send(turn)));
    for (const replica of replicas) replica.advance(tickMs, nowMs);
  }
  return {
    cachedShare: sum.cached / sum.prompt,
    firstByteMs: percentile(firstByteMs, 0.5),
    firstByteP95Ms: percentile(firstByteMs, 0.95),
    totalMs: percentile(totalMs, 0.5),
    totalP95Ms: percentile(totalMs, 0.95),
  };
}

const [one, many] = [
  { programs: 1, instructionTokens: 1_000, turns: 4 },
  { programs: 64, instructionTokens: 2_000, turns: 2 },
];
/** From a pool with little to do to one that is nearly full. */
export const loads: Readonly<Record<string, Load>> = {
  'one program, few': { ...one, perSecond: 0.5 },
  'one program, many': { ...one, perSecond: 3 },
  'many programs, few': { ...many, perSecond: 0.5 },
  'many programs, many': { ...many, perSecond: 3 },
};
