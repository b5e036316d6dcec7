import type { Cause, Outcome } from '../types.ts';

/** One replica whose engine can exchange what it serves. */
export type HotReplica = {
  id: string;
  ready: boolean;
  /** The revision that it answers with. */
  loaded: string;
  /** The revision that it last failed to load, and why. */
  failed?: { revision: string; message: string } | undefined;
};

/** What is remembered of a change inside running engines; the replicas themselves say how far it is. */
export type HotState = {
  /** The replica that changes now. */
  replica: string | undefined;
  sinceMs: number | undefined;
  /** When it answered with the new revision; it is watched for a while from then on. */
  loadedAtMs: number | undefined;
  /** Why every replica goes back; undefined while they go forward. */
  back: (Cause & { outcome: Outcome }) | undefined;
};

export type HotAction = { replica: string; do: 'load' | 'replace'; revision: string };

export type HotTurn = {
  hot: HotState;
  from: string;
  to: string;
  replicas: readonly HotReplica[];
  nowMs: number;
};

export type HotMove = {
  hot: HotState;
  actions: readonly HotAction[];
  outcome: 'moving' | 'done' | 'back';
  /** What replicas that start meanwhile begin with. */
  startWith: string;
  reason: string;
};

/** How long a replica is watched with the new revision before the next one changes. */
export const verifyMs = 30_000;
/** How long a replica may take to load; what takes longer has failed. */
export const loadMs = 10 * 60_000;

export const hotStart: HotState = { replica: undefined, sinceMs: undefined, loadedAtMs: undefined, back: undefined };

/** Exchanges what replicas serve, one at a time, each watched before the next; when one fails, all go back. */
export function driveHot(turn: HotTurn): HotMove {
  return turn.hot.back ? goBack(turn) : goForward(turn);
}

function goForward(turn: HotTurn): HotMove {
  const { hot, replicas, to } = turn;
  const replica = replicas.find(({ id }) => id === hot.replica);
  if (replica) return watch(turn, replica);
  // The one that changed is gone, or it was verified.
  const rest = replicas.filter(({ loaded }) => loaded !== to);
  if (replicas.length === 0) return moving(turn, hotStart, 'the pool is at zero');
  if (rest.length === 0) return { ...moving(turn, hotStart, 'every replica serves the new revision'), outcome: 'done' };
  const following = rest.filter(({ ready }) => ready).toSorted((a, b) => (a.id < b.id ? -1 : 1))[0];
  if (!following) return moving(turn, hotStart, `${rest.length} replicas are not ready to change`);
  return begin(turn, following.id);
}

function begin(turn: HotTurn, id: string): HotMove {
  const hot = { ...hotStart, replica: id, sinceMs: turn.nowMs };
  return {
    ...moving(turn, hot, `${id} loads the new revision`),
    actions: [{ replica: id, do: 'load', revision: turn.to }],
  };
}

function watch(turn: HotTurn, replica: HotReplica): HotMove {
  const { hot, to, nowMs } = turn;
  const { id, loaded, ready, failed } = replica;
  if (failed?.revision === to) return turnBack(turn, `${id} could not load it: ${failed.message}`);
  if (loaded === to && ready) {
    const loadedAtMs = hot.loadedAtMs ?? nowMs;
    if (nowMs - loadedAtMs >= verifyMs) return goForward({ ...turn, hot: hotStart });
    return moving(turn, { ...hot, loadedAtMs }, `${id} is watched with the new revision`);
  }
  if (hot.loadedAtMs !== undefined) return turnBack(turn, `${id} stopped answering with it`);
  if (nowMs - (hot.sinceMs ?? nowMs) > loadMs) return turnBack(turn, `${id} has not loaded it in time`);
  // Asking again costs nothing, and the first message may have been lost with the process that sent it.
  return { ...moving(turn, hot, `${id} loads the new revision`), actions: [{ replica: id, do: 'load', revision: to }] };
}

function turnBack(turn: HotTurn, message: string): HotMove {
  const back = { outcome: 'RolledBack', reason: 'HotUpdateFailed', message } as const;
  return goBack({ ...turn, hot: { ...hotStart, sinceMs: turn.nowMs, back } });
}

/** What serves the new revision goes back at once: the old weights were fine on every one of them. */
function goBack(turn: HotTurn): HotMove {
  const { hot, replicas, from, nowMs } = turn;
  const message = hot.back?.message ?? '';
  const wrong = replicas.filter(({ loaded }) => loaded !== from);
  if (wrong.length === 0) return { ...moving(turn, hot, message), startWith: from, outcome: 'back' };
  const sinceMs = hot.sinceMs ?? nowMs;
  const stuck = nowMs - sinceMs > loadMs;
  const actions = wrong.map(({ id, failed }): HotAction => {
    const cannot = stuck || failed?.revision === from;
    return { replica: id, do: cannot ? 'replace' : 'load', revision: from };
  });
  const reason = `${wrong.length} replicas go back: ${message}`;
  return { ...moving(turn, { ...hot, sinceMs }, reason), startWith: from, actions };
}

/** Replicas that start meanwhile take the new revision once one has been verified with it. */
function moving({ replicas, from, to }: HotTurn, hot: HotState, reason: string): HotMove {
  const verified = replicas.some(({ id, loaded, ready }) => ready && loaded === to && id !== hot.replica);
  return { hot, actions: [], outcome: 'moving', startWith: verified ? to : from, reason };
}
