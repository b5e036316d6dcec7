import { isDeepStrictEqual } from 'node:util';
import type { Instant } from '@qwenfleet/core/clock';
import { stepOf } from '@qwenfleet/operator/rollout/analysis';
import { next } from '@qwenfleet/operator/rollout/next';
import {
  fromStatus as rolloutFrom,
  toStatus as rolloutTo,
  worthWriting as rolloutWorth,
} from '@qwenfleet/operator/rollout/status';
import type { Decision, Observed, RolloutSpec, RolloutState } from '@qwenfleet/operator/rollout/types';
import { decide, initialState } from '@qwenfleet/operator/scale/decide';
import { signalOf } from '@qwenfleet/operator/scale/metrics';
import { inForce } from '@qwenfleet/operator/scale/schedule';
import {
  fromStatus as scaleFrom,
  toStatus as scaleTo,
  worthWriting as scaleWorth,
} from '@qwenfleet/operator/scale/status';
import type { Observation, ScaleSpec, ScaleState } from '@qwenfleet/operator/scale/types';
import type { Scenario } from '../scenario.ts';
import { only, type Api } from './api.ts';
import type { Send } from './election.ts';
import { versionOf, type Kind, type Status, type Stored } from './objects.ts';
import { weightInForce, viewsOf, type Picture } from './picture.ts';
import { Results } from './results.ts';
import type { Report } from './router.ts';

/** The decisions under test; another set is for showing that the properties notice what is wrong. */
export type Decisions = { decide: typeof decide; next: typeof next };
export const realDecisions: Decisions = { decide, next };

/** One turn of a process, for whoever checks it. */
export type Turn = {
  picture: Picture;
  decision: Decision;
  rollout: RolloutSpec;
  /** What the scaler said, and what it looked at; undefined where replicas are fixed. */
  scaled: { before: ScaleState; observation: Observation; spec: ScaleSpec } | undefined;
  desired: number;
  /** When this process last went on from a stored state. */
  readMs: number;
};

/** What a process of the operator has around it. */
export type Surroundings = {
  name: string;
  api: Api;
  scenario: Scenario;
  decisions: Decisions;
  send: Send;
  look: () => Picture | 'not-synced' | undefined;
  reports: () => readonly (Report | undefined)[];
  /** Now, on this process's clocks; what the world's clock shows is `nowMs` of a turn. */
  time: () => Instant;
  /** World time of a moment of this process's clock. */
  worldMs: (atMs: number) => number;
  watcher: Watcher;
};

export interface Watcher {
  decided(by: string, turn: Turn): void;
  /** Just before and just after a write was let through. */
  writing(by: string, kind: Kind, name: string, basis: number): void;
  written(by: string, kind: Kind, name: string, turn: Turn): void;
  stored(by: string, turn: Turn, time: Instant, status: Status): void;
}

/** A cache that does not show our own last write after so long was not going to. */
const ownWriteMsMax = 180_000;

/** Looks, decides, stores and acts, as docs/decisions/0010-store-then-act.md has it, on the real decisions. */
export class Reconciler {
  readonly #around: Surroundings;
  readonly #results = new Results();
  /** Versions that our own writes made, by kind and name. */
  readonly #own = new Map<string, { version: number; atMs: number }>();
  #status: Status | undefined;
  #rollout: RolloutState | undefined;
  #scale: ScaleState | undefined;
  #stored: { scaling?: Status['scaling']; rollout?: RolloutState | undefined } = {};
  #readMs = -Infinity;
  #waitsFor = 0;
  /** Of the pool that all this is about. */
  #uid: string | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** For the answer to a request. */
  get waits(): boolean {
    return this.#waitsFor > 0;
  }

  turn(nowMs: number): void {
    if (this.#waitsFor > 0) return;
    const picture = this.#around.look();
    if (picture === 'not-synced') return;
    // What was written of a pool that went comes back with no other, even where its going was not seen.
    if (picture?.pool.metadata.uid !== this.#uid) this.#forget();
    this.#uid = picture?.pool.metadata.uid;
    if (!picture) return;
    if (this.#behind(picture, nowMs)) return;
    const time = this.#around.time();
    if (picture.pool.body.status !== this.#status) this.#read(picture, time, nowMs);
    const turn = this.#decide(picture, time);
    this.#around.watcher.decided(this.#around.name, turn);
    this.#store(turn, time, nowMs);
  }

  #forget(): void {
    this.#status = undefined;
    this.#rollout = undefined;
    this.#scale = undefined;
    this.#own.clear();
  }

  /** Does the picture lack something that this process wrote itself? */
  #behind({ pool, workloads, traffic }: Picture, nowMs: number): boolean {
    const seen = new Map([pool, traffic, ...workloads].flatMap((object) => (object ? [[keyOf(object), object]] : [])));
    return [...this.#own].some(
      ([key, { version, atMs }]) => versionOf(seen.get(key)) < version && nowMs - atMs < ownWriteMsMax,
    );
  }

  /** A new process, or one that somebody else has overtaken: it goes on from what is stored. */
  #read({ pool, workloads }: Picture, time: Instant, nowMs: number): void {
    const { status } = pool.body;
    const spec = this.#scaleSpec(pool.body.maxReplicas, time);
    this.#status = status;
    this.#readMs = nowMs;
    this.#rollout = rolloutFrom(status.rollout, time);
    this.#stored = { scaling: status.scaling, rollout: this.#rollout };
    if (!spec) return;
    const live = workloads.reduce((sum, { body }) => sum + body.told, 0);
    // With several revisions there are more replicas than are wanted, or fewer.
    const rolling = workloads.filter(({ body }) => body.told > 0).length > 1;
    const replicas = rolling ? (status.scaling?.desired ?? live) : live;
    this.#scale = status.scaling
      ? scaleFrom(status.scaling, spec, { ...time, replicas })
      : initialState(replicas > 0 ? replicas : this.#around.scenario.replicas, spec, time.nowMs);
  }

  #scaleSpec(maxReplicas: number, { epochMs }: Instant): ScaleSpec | undefined {
    const { scale } = this.#around.scenario;
    return scale && inForce({ ...scale, maxReplicas }, epochMs);
  }

  #decide(picture: Picture, time: Instant): Turn {
    const { scenario, decisions } = this.#around;
    const { aim, paused, promote, abort, maxReplicas } = picture.pool.body;
    const reports = this.#around.reports();
    const spec = this.#scaleSpec(maxReplicas, time);
    const scaled = spec && this.#scaled(spec, picture, reports, time);
    const desired = scaled ? scaled.desired : scenario.replicas;
    const heard = reports.filter((report) => report !== undefined);
    const step = this.#rollout && stepOf(this.#rollout);
    const observed: Observed = {
      aim,
      desired,
      revisions: viewsOf(picture, {
        weightOf: (revision) => weightInForce(heard, revision),
        nowMs: this.#around.worldMs(time.nowMs),
        beganMs: this.#rollout?.update === undefined ? Infinity : this.#around.worldMs(this.#rollout.startedAtMs),
      }),
      arms: this.#results.since(step, heard),
      annotations: { promote, abort },
    };
    const rollout = { ...scenario.rollout, paused };
    const decision = decisions.next(this.#rollout, observed, rollout, time.nowMs);
    return { picture, decision, rollout, scaled, desired, readMs: this.#readMs };
  }

  #scaled(
    spec: ScaleSpec,
    { workloads, pods }: Picture,
    reports: readonly (Report | undefined)[],
    { nowMs }: Instant,
  ): NonNullable<Turn['scaled']> & { desired: number } {
    const ready = pods.filter(({ body }) => body.phase === 'ready').length;
    const told = workloads.reduce((sum, { body }) => sum + body.told, 0);
    const routers = reports.map((report) => report?.load);
    const pool = { ready, slots: this.#around.scenario.slots, routers, replicas: [] };
    const signal = signalOf(spec.metric, pool, spec.targetPerReplica);
    const observation = { ready, starting: Math.max(0, told - ready), signal };
    const before = this.#scale ?? initialState(told, spec, nowMs);
    const { state, desired } = this.#around.decisions.decide(before, observation, spec, nowMs);
    this.#scale = state;
    return { before, observation, spec, desired };
  }

  #store(turn: Turn, time: Instant, nowMs: number): void {
    const { api, watcher, name } = this.#around;
    const scaling = this.#scale && scaleTo(this.#scale, time);
    const worth =
      rolloutWorth(this.#stored.rollout, turn.decision.state) ||
      (scaling !== undefined && scaleWorth(this.#stored.scaling, scaling));
    const keep = (): void => {
      this.#rollout = turn.decision.state;
      this.#act(turn, nowMs);
    };
    if (!worth) return keep();
    const status = { scaling, rollout: rolloutTo(turn.decision, time) };
    const basis = versionOf(turn.picture.pool);
    this.#write(
      'pool',
      only,
      { basis, turn },
      () => {
        const pool = api.get('pool', only);
        return pool && { ...pool.body, status };
      },
      (object) => {
        if (!object) return;
        this.#status = status;
        this.#stored = { scaling: status.scaling, rollout: turn.decision.state };
        watcher.stored(name, turn, time, status);
        keep();
      },
    );
  }

  /** Nobody may be sent to what is about to go: traffic first, and without it nothing else. */
  #act(turn: Turn, nowMs: number): void {
    const { traffic } = turn.decision;
    const { traffic: seen } = turn.picture;
    if (seen && isDeepStrictEqual(seen.body, traffic)) return this.#resize(turn, nowMs);
    const basis = versionOf(seen);
    this.#write(
      'traffic',
      only,
      { basis, turn },
      () => traffic,
      (object) => object && this.#resize(turn, nowMs),
    );
  }

  #resize(turn: Turn, _nowMs: number): void {
    const { replicas } = turn.decision;
    const seen = new Map(turn.picture.workloads.map((workload) => [workload.metadata.name, workload]));
    for (const revision of new Set([...seen.keys(), ...Object.keys(replicas)])) {
      const told = replicas[revision] ?? 0;
      const workload = seen.get(revision);
      if (workload && workload.body.told === told) continue;
      this.#write('workload', revision, { basis: versionOf(workload), turn }, () => ({ told }));
    }
    const living = new Set(turn.picture.pods.map(({ body }) => body.revision));
    for (const [revision, workload] of seen) {
      if (!(revision in replicas) && !living.has(revision)) this.#remove(revision, versionOf(workload));
    }
  }

  #remove(revision: string, basis: number): void {
    const { api, send } = this.#around;
    this.#own.delete(`workload/${revision}`);
    send(
      () => {
        if (versionOf(api.get('workload', revision)) === basis) api.remove('workload', revision);
        return undefined;
      },
      () => undefined,
    );
  }

  #write<K extends Kind>(
    kind: K,
    name: string,
    { basis, turn }: { basis: number; turn: Turn },
    body: () => Stored<K>['body'] | undefined,
    answered: (object: Stored<K> | undefined) => void = () => undefined,
  ): void {
    const { api, send, watcher, name: by } = this.#around;
    this.#waitsFor += 1;
    send(
      () => {
        const wanted = body();
        if (wanted === undefined) return undefined;
        watcher.writing(by, kind, name, basis);
        const object = api.write(kind, name, wanted, { by, basis });
        if (object) watcher.written(by, kind, name, turn);
        return object;
      },
      (object) => {
        this.#waitsFor -= 1;
        const atMs = turn.picture.lookedMs;
        if (object) this.#own.set(keyOf(object), { version: versionOf(object), atMs });
        answered(object);
      },
    );
  }
}

const keyOf = ({ kind, metadata }: { kind: string; metadata: { name: string } }): string => `${kind}/${metadata.name}`;
