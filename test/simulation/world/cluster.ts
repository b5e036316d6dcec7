import type { Revision } from '../scenario.ts';
import type { Api } from './api.ts';
import type { Chance } from './chance.ts';
import type { Bodies } from './objects.ts';
import type { EventQueue } from './queue.ts';

export type Pod = {
  id: number;
  revision: Revision;
  startedMs: number;
  phase: Bodies['pod']['phase'];
  /** Cannot be placed before, whatever is free. */
  stuckUntilMs: number;
  /** Changes with every life of its container, so that what was planned for one does not happen to the next. */
  life: number;
  failedStarts: number;
};

/** Backoff of a container that ends while it starts. */
const backoffMs = { base: 2_000, max: 20_000 };

/** Workloads that keep their number of pods, accelerators that are few, and pods that take time and break. */
export class Cluster {
  readonly pods: Pod[] = [];
  /** Pods that start before then wait until then, whatever is free. */
  placesFromMs = 0;
  /** When a ready pod was last lost by nobody's decision. */
  lastFailureMs = -Infinity;
  /** When somebody besides the operator last changed what a workload was told. */
  lastHandMs = -Infinity;
  readonly #api: Api;
  readonly #queue: EventQueue;
  readonly #chance: Chance;
  readonly #accelerators: number;
  readonly #revisions: ReadonlyMap<string, Revision>;
  #number = 0;

  constructor(
    api: Api,
    queue: EventQueue,
    chance: Chance,
    { accelerators, revisions }: { accelerators: number; revisions: readonly Revision[] },
  ) {
    this.#api = api;
    this.#queue = queue;
    this.#chance = chance;
    this.#accelerators = accelerators;
    this.#revisions = new Map(revisions.map((revision) => [revision.name, revision]));
    api.follow(({ kind }) => kind === 'workload' && this.#sync());
  }

  get told(): number {
    let total = 0;
    for (const { body } of this.#api.list('workload')) total += body.told;
    return total;
  }

  ready(revision?: string): number {
    let count = 0;
    for (const pod of this.pods) if (pod.phase === 'ready' && (!revision || pod.revision.name === revision)) count += 1;
    return count;
  }

  /** The container of a pod ends by itself, and starts again. */
  crash(pod: Pod): void {
    if (pod.phase !== 'ready' && pod.phase !== 'loading') return;
    if (pod.phase === 'ready') this.lastFailureMs = this.#queue.nowMs;
    this.#load(pod);
  }

  /** A pod is gone for good; its workload starts another. */
  lose(pod: Pod): void {
    if (pod.phase === 'ready') this.lastFailureMs = this.#queue.nowMs;
    this.#remove(pod);
    this.#sync();
  }

  /** Makes as many pods of each revision as it was told, and gives accelerators to those that wait. */
  #sync(): void {
    const told = new Map(this.#api.list('workload').map(({ metadata, body }) => [metadata.name, body.told]));
    for (const revision of new Set([...told.keys(), ...this.pods.map((pod) => pod.revision.name)])) {
      const wanted = told.get(revision) ?? 0;
      const pods = this.pods.filter((pod) => pod.revision.name === revision && pod.phase !== 'terminating');
      for (let has = pods.length; has < wanted; has += 1) this.#start(revision);
      const leaving = pods.toSorted((a, b) => Number(a.phase === 'ready') - Number(b.phase === 'ready') || b.id - a.id);
      for (const pod of leaving.slice(0, Math.max(0, pods.length - wanted))) this.#terminate(pod);
    }
    this.#place();
  }

  #start(revision: string): void {
    const made = this.#revisions.get(revision);
    if (!made) throw new Error(`no revision ${revision}`);
    this.#number += 1;
    const { nowMs } = this.#queue;
    const stuckUntilMs = nowMs < this.placesFromMs ? this.placesFromMs : 0;
    if (stuckUntilMs > 0) this.#queue.at(stuckUntilMs, () => this.#place());
    const pod: Pod = {
      id: this.#number,
      revision: made,
      startedMs: nowMs,
      phase: 'pending',
      stuckUntilMs,
      life: 0,
      failedStarts: 0,
    };
    this.pods.push(pod);
    this.#show(pod);
  }

  #place(): void {
    let free = this.#accelerators;
    for (const { phase } of this.pods) if (phase !== 'pending') free -= 1;
    for (const pod of this.pods) {
      if (free <= 0) return;
      if (pod.phase !== 'pending' || pod.stuckUntilMs > this.#queue.nowMs) continue;
      free -= 1;
      this.#load(pod);
    }
  }

  #load(pod: Pod): void {
    this.#enter(pod, 'loading');
    pod.life += 1;
    const { life, revision } = pod;
    if (revision.flaw === 'never-ready') return;
    this.#queue.after(revision.loadMs * this.#chance.between(0.8, 1.2), () => {
      if (pod.phase === 'loading' && pod.life === life) this.#loaded(pod);
    });
  }

  #loaded(pod: Pod): void {
    if (pod.revision.flaw !== 'crashes') {
      pod.failedStarts = 0;
      return this.#enter(pod, 'ready');
    }
    pod.failedStarts += 1;
    this.#enter(pod, 'backoff');
    const { life } = pod;
    this.#queue.after(Math.min(backoffMs.max, backoffMs.base * 2 ** pod.life), () => {
      if (pod.phase === 'backoff' && pod.life === life) this.#load(pod);
    });
  }

  #terminate(pod: Pod): void {
    if (pod.phase === 'pending') return this.#remove(pod);
    const drainMs = pod.phase === 'ready' ? this.#chance.between(1_000, 15_000) : 500;
    this.#enter(pod, 'terminating');
    this.#queue.after(drainMs, () => {
      this.#remove(pod);
      this.#place();
    });
  }

  #remove(pod: Pod): void {
    const at = this.pods.indexOf(pod);
    if (at !== -1) this.pods.splice(at, 1);
    pod.phase = 'terminating';
    this.#api.remove('pod', String(pod.id));
  }

  #enter(pod: Pod, phase: Pod['phase']): void {
    pod.phase = phase;
    this.#show(pod);
  }

  #show({ id, revision, phase, startedMs, failedStarts }: Pod): void {
    this.#api.put('pod', String(id), { revision: revision.name, phase, startedMs, failedStarts });
  }
}
