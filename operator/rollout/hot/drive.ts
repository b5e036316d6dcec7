import type { Cause, Outcome } from '../types.ts';

/** One replica whose engine can exchange what it serves. */
export type HotReplica = {
  id: string;
  ready: boolean;
  /** The revision that it answers with. */
  loaded: string;
  /** The revision that it last failed to load, and why. */
  failed?: { revision: string; message: string } | undefined;
  /** Why its engine cannot exchange what it serves, though nothing is wrong with the weights: memory, their shape. */
  unable?: string | undefined;
};

/** What is remembered of a change inside running engines; the replicas themselves say how far it is. */
export type HotState = {
  /** The replica that changes now. */
  replica: string | undefined;
  sinceMs: number | undefined;
  /** When it answered with the new revision; it is watched for a while from then on. */
  loadedAtMs: number | undefined;
  /** An engine could not exchange what it serves: such replicas are replaced by ones that begin with the new revision. */
  anew: boolean;
  /** Why every replica goes back; undefined while they go forward. */
  back: (Cause & { outcome: Outcome }) | undefined;
};

export type HotAction = { replica: string; do: 'load' | 'replace'; revision: string };

export type HotTurn = {
  hot: HotState;
  from: string;
  to: string;
  replicas: readonly HotReplica[];
  /** The new revision can be had in this workload only: what cannot change is replaced, come what may. */
  mustStay: boolean;
  nowMs: number;
};

export type HotMove = {
  hot: HotState;
  actions: readonly HotAction[];
  /** `unable`: nothing has changed yet, and nothing can change inside engines; new replicas can. */
  outcome: 'moving' | 'done' | 'back' | 'unable';
  /** What replicas that start meanwhile begin with. */
  startWith: string;
  reason: string;
};

/** How long a replica is watched with the new revision before the next one changes. */
export const verifyMs = 30_000;
/** How long a replica may take to load; what takes longer has failed. */
export const loadMs = 10 * 60_000;

export const hotStart: HotState = {
  replica: undefined,
  sinceMs: undefined,
  loadedAtMs: undefined,
  anew: false,
  back: undefined,
};

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
  const between = { ...hotStart, anew: hot.anew };
  if (replicas.length === 0) return moving(turn, between, 'the pool is at zero');
  if (rest.length === 0) return { ...moving(turn, between, 'every replica serves the new revision'), outcome: 'done' };
  if (hot.anew && replicas.some(({ ready }) => !ready)) return awaitReplaced(turn);
  const following = rest.filter(({ ready }) => ready).toSorted((a, b) => (a.id < b.id ? -1 : 1))[0];
  if (!following) return moving(turn, between, `${rest.length} replicas are not ready to change`);
  return following.unable === undefined ? begin(turn, following.id) : cannot(turn, following.id, following.unable);
}

function begin(turn: HotTurn, id: string): HotMove {
  const hot = { ...hotStart, anew: turn.hot.anew, replica: id, sinceMs: turn.nowMs };
  return {
    ...moving(turn, hot, `${id} loads the new revision`),
    actions: [{ replica: id, do: 'load', revision: turn.to }],
  };
}

/** Where others have it, or it can be had nowhere else, the replica is replaced; otherwise new replicas bring it all. */
function cannot(turn: HotTurn, id: string, why: string): HotMove {
  const { to, nowMs, mustStay, replicas } = turn;
  if (!mustStay && !replicas.some(({ loaded }) => loaded === to)) {
    return { ...moving(turn, hotStart, `${id} cannot load it: ${why}`), outcome: 'unable' };
  }
  const hot = { ...hotStart, anew: true, sinceMs: nowMs };
  const reason = `${id} is replaced, for it cannot load the new revision: ${why}`;
  return { ...moving(turn, hot, reason), actions: [{ replica: id, do: 'replace', revision: to }] };
}

function awaitReplaced(turn: HotTurn): HotMove {
  const { hot, nowMs } = turn;
  if (nowMs - (hot.sinceMs ?? nowMs) > loadMs) return turnBack(turn, 'a replica that began with it did not answer');
  return moving(turn, { ...hot, sinceMs: hot.sinceMs ?? nowMs }, 'a replica that was replaced is not ready yet');
}

function watch(turn: HotTurn, replica: HotReplica): HotMove {
  const { hot, to, nowMs } = turn;
  const { id, loaded, ready, failed } = replica;
  if (loaded !== to && replica.unable !== undefined) return cannot(turn, id, replica.unable);
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
  const actions = wrong.map(({ id, failed, unable }): HotAction => {
    const isLost = stuck || failed?.revision === from || unable !== undefined;
    return { replica: id, do: isLost ? 'replace' : 'load', revision: from };
  });
  const reason = `${wrong.length} replicas go back: ${message}`;
  return { ...moving(turn, { ...hot, sinceMs }, reason), startWith: from, actions };
}

/** Replicas that start meanwhile take the new revision once one has been verified with it, or where they must. */
function moving({ replicas, from, to }: HotTurn, hot: HotState, reason: string): HotMove {
  const verified = replicas.some(({ id, loaded, ready }) => ready && loaded === to && id !== hot.replica);
  return { hot, actions: [], outcome: 'moving', startWith: verified || hot.anew ? to : from, reason };
}
