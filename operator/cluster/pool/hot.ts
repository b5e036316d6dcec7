import type { ModelReference } from '@qwenfleet/core/fleet/runtime-config';
import type { RuntimeStatus } from '@qwenfleet/core/load/status';
import { recordsWith } from '../../reconcile/qwendeployment/plan/cluster.ts';
import type { HotReplica } from '../../rollout/hot/drive.ts';
import { hostOf, isTaken } from '../../rollout/hot/host.ts';
import { wayOf, type EngineAbility, type Served, type UpdateWay } from '../../rollout/hot/way.ts';
import { rolloutSpecOf } from '../../rollout/spec.ts';
import type { Observed, RolloutState } from '../../rollout/types.ts';
import { canonicalJson } from '../../specs/canonical.ts';
import { revisionLabel, roleLabel } from '../../specs/labels.ts';
import { recordedConfig, type RevisionRecord } from '../../specs/pool/record.ts';
import type { EngineAnswers } from './engines.ts';
import type { PoolSeen } from './observe.ts';

/** How long after a rollout a pod may still begin with what was there before: a kubelet's picture is a minute old. */
const strayForMs = 10 * 60_000;

/** Of one pool: what may come into running engines, and how far it is. Pure, but for what it is given. */
export class HotView {
  readonly #seen: PoolSeen;
  readonly #state: RolloutState;
  readonly #records: readonly RevisionRecord[];

  constructor(seen: PoolSeen, state: RolloutState) {
    this.#seen = seen;
    this.#state = state;
    this.#records = seen.pool ? recordsWith(seen.pool, seen.records) : seen.records;
  }

  /** Pods of the workload of the revision that serves. */
  get pods(): PoolSeen['pods'] {
    const workload = hostOf(this.#state, this.#state.current);
    return this.#seen.pods.filter(
      ({ metadata: { labels, deletionTimestamp } }) =>
        labels?.[revisionLabel] === workload && labels[roleLabel] !== 'worker' && deletionTimestamp === undefined,
    );
  }

  /** Have its engines anything to say that matters now? Only those that can be asked have. */
  wants(nowMs: number): boolean {
    const { current, update } = this.#state;
    const { revision: aim } = this.#seen;
    const changes = this.#mayDiffer(nowMs);
    const moved = aim === current || aim === update ? undefined : aim;
    // Most pools rest: for these no record has to be read.
    if (!changes && moved === undefined) return false;
    if (this.#configOf(hostOf(this.#state, current))?.admin === undefined) return false;
    if (changes || moved === undefined) return true;
    return isTaken(this.#state, moved) || this.#way(moved, { weights: true, adapters: false }).way === 'hot';
  }

  /** May engines answer with something else than what their workload is named after? */
  #mayDiffer(nowMs: number): boolean {
    const { current, update, hot, hosts, history } = this.#state;
    if (hot || hosts[current] !== undefined) return true;
    return update === undefined && nowMs - (history[0]?.atMs ?? -Infinity) < strayForMs;
  }

  /** What a rollout looks at. */
  observed(answers: EngineAnswers): NonNullable<Observed['hot']> {
    const { update, current } = this.#state;
    const aim = this.#seen.revision ?? current;
    const to = update ?? aim;
    const ready = new Set(this.#seen.replicas.flatMap(({ name, state }) => (state === 'ready' ? [name] : [])));
    const replicas = this.pods.map(({ metadata: { name } }) =>
      this.#replica(name, ready.has(name), answers.get(name), to),
    );
    const able = replicas.filter((replica) => replica.ready);
    const weights = able.length > 0 && able.every(({ id, unable }) => answers.has(id) && unable === undefined);
    return { way: this.#way(aim, { weights, adapters: false }), replicas };
  }

  modelOf(revision: string): ModelReference | undefined {
    return this.#configOf(revision)?.model;
  }

  #configOf(revision: string) {
    const record = this.#records.find((each) => each.revision === revision);
    return record && recordedConfig(record);
  }

  #way(aim: string, engine: EngineAbility): UpdateWay {
    const { deployment } = this.#seen;
    const { current } = this.#state;
    const hot = deployment.spec.update?.hot ?? 'Auto';
    const { strategy } = rolloutSpecOf(deployment.spec);
    const from = this.#served(hostOf(this.#state, current), current);
    return wayOf(from, this.#served(aim, aim), { hot, engine, strategy, taken: isTaken(this.#state, aim) });
  }

  /** What a workload serves while it runs a revision, in words in which only names of its own are left out. */
  #served(workload: string, revision: string): Served {
    const record = this.#records.find((each) => each.revision === workload);
    const { model: _model, admin: _admin, ...config } = (record && recordedConfig(record)) ?? {};
    const text = canonicalJson({ config, workload: record?.workload });
    // Claims of devices are made for one revision.
    const rest = text.includes('"resourceClaims"') ? text : text.replaceAll(workload, '*');
    return { weights: canonicalJson(this.modelOf(revision) ?? revision), adapters: [], rest };
  }

  #replica(id: string, ready: boolean, answer: RuntimeStatus | undefined, to: string): HotReplica {
    const { current } = this.#state;
    // One that is silent is what its workload runs, as far as anybody knows.
    if (!answer?.loaded) return { id, ready, loaded: current };
    const loaded = this.#revisionOf(answer.loaded.asked, to);
    const failure = this.#failureOf(answer, to);
    // Nothing is wrong with the weights then: this engine has no room for them.
    const hasNoRoom = failure?.code === 'conflict' && failure.revision === to;
    const unable = hasNoRoom ? failure.message : refusalOf(answer);
    return { id, ready, loaded, failed: hasNoRoom ? undefined : failure, unable: loaded === to ? undefined : unable };
  }

  /** What it could not load the last time. */
  #failureOf({ update }: RuntimeStatus, to: string) {
    if (update?.state !== 'failed') return undefined;
    const { code, message } = update.error ?? { code: 'internal', message: '' };
    return { revision: this.#revisionOf(update.model, to), code, message };
  }

  /** The one whose weights were asked for in these words; the words themselves where nobody knows them. */
  #revisionOf(asked: ModelReference, to: string): string {
    const text = canonicalJson(asked);
    const is = (revision: string): boolean => canonicalJson(this.modelOf(revision)) === text;
    return [to, this.#state.current].find(is) ?? this.#records.find(({ revision }) => is(revision))?.revision ?? text;
  }
}

const refusalOf = ({ hotUpdateRefused: refused }: RuntimeStatus): string | undefined =>
  refused?.reason === 'Memory' ? refused.message : undefined;
