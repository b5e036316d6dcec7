import type { Instant } from '@qwenfleet/core/clock';
import type { Scenario } from '../scenario.ts';
import type { Api } from '../world/api.ts';
import type { Cluster } from '../world/cluster.ts';
import { versionOf, type Kind, type Status } from '../world/objects.ts';
import type { Turn, Watcher } from '../world/reconciler.ts';
import type { Router } from '../world/router.ts';
import { Capacity } from './capacity.ts';
import { Replicas } from './replicas.ts';
import { lostOnTheWay } from './round-trip.ts';
import { Service } from './service.ts';
import { weightsProblem } from './weights.ts';

export type Parts = { scenario: Scenario; api: Api; cluster: Cluster; routers: readonly Router[] };

/** What must hold at every moment; the first break is kept, with the moment. */
export class Checks implements Watcher {
  failure: string | undefined;
  /** Writes of the operator that were let through, besides its lease. */
  writes = 0;
  lastWriteMs = 0;
  readonly service: Service;
  readonly #parts: Parts;
  readonly #nowMs: () => number;
  readonly #replicas: Replicas;
  readonly #capacity: Capacity;
  #version = 0;
  #basis = 0;

  constructor(parts: Parts, nowMs: () => number) {
    this.#parts = parts;
    this.#nowMs = nowMs;
    this.service = new Service(parts);
    this.#replicas = new Replicas(parts);
    this.#capacity = new Capacity();
  }

  fail(what: string | undefined): void {
    if (what !== undefined) this.failure ??= `at ${(this.#nowMs() / 1000).toFixed(1)} s: ${what}`;
  }

  decided(by: string, turn: Turn): void {
    this.fail(this.#capacity.problem(by, turn, this.#nowMs()));
    this.fail(this.service.turnProblem(turn));
  }

  writing(_by: string, kind: Kind, name: string, basis: number): void {
    this.#version = versionOf(this.#parts.api.get(kind, name));
    this.#basis = basis;
    this.#replicas.remember();
  }

  written(by: string, kind: Kind, name: string, turn: Turn): void {
    this.writes += 1;
    this.lastWriteMs = this.#nowMs();
    if (this.#version !== this.#basis) this.fail(`${by} wrote over a change of ${kind} ${name} that it had not seen`);
    if (kind === 'workload') this.fail(this.#replicas.problem(turn));
    if (kind === 'traffic') this.fail(weightsProblem(turn));
  }

  stored(_by: string, turn: Turn, time: Instant, status: Status): void {
    this.fail(lostOnTheWay(turn.decision.state, status, time));
  }
}
