import type { Clock } from '@qwenfleet/core/clock';
import type { PoolLoad } from '@qwenfleet/core/load/pool-report';
import type { PoolEndpoints } from '@qwenfleet/core/fleet/endpoints';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { DeploymentPlan } from '../reconcile/qwendeployment/plan.ts';
import type { Observed } from '../reconcile/qwendeployment/plan/observed.ts';
import { PoolMetrics, type RestartReason } from '../pool-metrics.ts';
import { decide, initialState } from '../scale/decide.ts';
import { signalOf } from '../scale/metrics.ts';
import { closedBy, inForce } from '../scale/schedule.ts';
import type { ScaleState, Signal } from '../scale/types.ts';
import { Replica } from './replica.ts';

export type PoolParts = {
  runtimeEntry: string;
  stateDir: string;
  clock: Clock;
  rng: Rng;
  log: Logger;
  telemetry: Telemetry;
  onChange: () => void;
};

/** Of objects in a file that say none, as kubectl has it. */
export const namespaceDefault = 'default';

/** One QwenDeployment on this machine: as many processes as its scaler wants. */
export class Pool {
  readonly deployment: QwenDeployment;
  readonly plan: DeploymentPlan;
  readonly #parts: PoolParts;
  readonly #replicas: Replica[] = [];
  readonly #leaving = new Set<Replica>();
  readonly #metrics: PoolMetrics;
  #scaling: ScaleState | undefined;
  /** See `Observed`. */
  #closedBy: string | undefined;
  #desired: number;
  #load: PoolLoad | undefined;
  #number = 0;
  #stopped = false;

  constructor(deployment: QwenDeployment, plan: DeploymentPlan, parts: PoolParts) {
    this.deployment = deployment;
    this.plan = plan;
    this.#parts = parts;
    this.#metrics = new PoolMetrics(parts.telemetry, { pool_namespace: this.namespace, pool: this.name });
    this.#desired = plan.initialReplicas;
    this.#scaling = plan.scale && initialState(plan.initialReplicas, plan.scale, parts.clock.nowMs());
  }

  get name(): string {
    return this.plan.resolved.name;
  }

  get namespace(): string {
    return this.deployment.metadata.namespace ?? namespaceDefault;
  }

  get replicas(): readonly Replica[] {
    return [...this.#replicas, ...this.#leaving];
  }

  get desired(): number {
    return this.#desired;
  }

  get load(): PoolLoad | undefined {
    return this.#load;
  }

  get scaling(): ScaleState | undefined {
    return this.#scaling;
  }

  observed(router: Observed['router']): Observed {
    return {
      replicas: this.replicas.map(({ view }) => view),
      desired: this.#desired,
      scaling: this.#scaling,
      closedBy: this.#closedBy,
      hasSignal: this.#load !== undefined,
      router,
    };
  }

  /** What the router says of the pool; undefined when the router is gone. */
  hear(load: PoolLoad | undefined): void {
    this.#load = load;
  }

  /** Decides how many replicas there should be, and begins to make it so. */
  tick(): void {
    if (this.#stopped) return;
    if (this.plan.scale && this.#scaling) {
      const { clock, log } = this.#parts;
      const observation = {
        ready: this.#count('ready'),
        starting: this.#count('starting', 'waiting'),
        signal: this.#signal(),
      };
      const spec = inForce(this.plan.scale, clock.epochMs());
      const { state, desired, reason } = decide(this.#scaling, observation, spec, clock.nowMs());
      this.#scaling = state;
      this.#close(closedBy(spec));
      if (desired !== this.#desired) {
        log.info({ pool: this.name, from: this.#desired, to: desired, reason }, 'scaled');
        this.#metrics.scaled(this.#desired, desired);
        this.#desired = desired;
      }
    }
    this.#reconcile();
  }

  endpoints(): PoolEndpoints {
    const { engine } = this.plan.resolved;
    if (engine.type === 'external') return this.#external();
    const endpoints = this.replicas.flatMap(({ endpoint }) => endpoint ?? []);
    const starting = this.#count('starting', 'waiting');
    const problem = this.#problem();
    return {
      endpoints,
      desired: this.#desired,
      starting,
      wakeable: this.plan.wakeable,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Sets the gauges that are read when somebody looks. */
  measure(): void {
    const replicas = this.replicas.map(({ view }) => view);
    this.#metrics.measure({ wanted: this.#desired, replicas, price: this.plan.resolved.price });
  }

  async stop(withinMs: number): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.replicas.map((replica) => replica.stop(withinMs)));
  }

  kill(): void {
    this.#stopped = true;
    for (const replica of this.replicas) replica.kill();
  }

  #external(): PoolEndpoints {
    const { url = '' } = this.deployment.spec.engine;
    return { endpoints: [{ id: this.name, url, state: 'ready' }], desired: 1, starting: 0, wakeable: false };
  }

  /** In words, when nothing of the pool will answer by itself: a start that failed is tried again, but slowly. */
  #problem(): string | undefined {
    if (this.plan.resolved.blocked) return this.plan.resolved.blocked.message;
    if (this.deployment.spec.suspend) return 'the pool is suspended';
    if (this.#count('ready') > 0) return undefined;
    if (this.#closedBy !== undefined) return `its schedule ${this.#closedBy} allows no replica`;
    return this.#replicas.find(({ view }) => view.failure !== undefined)?.view.failure?.message;
  }

  #close(by: string | undefined): void {
    if (by === this.#closedBy) return;
    this.#closedBy = by;
    this.#parts.onChange();
  }

  #signal(): Signal | undefined {
    const { scale, resolved } = this.plan;
    if (!scale) return undefined;
    const pool = { ready: this.#count('ready'), slots: resolved.maxConcurrency, routers: [this.#load], replicas: [] };
    return signalOf(scale.metric, pool, scale.targetPerReplica);
  }

  #count(...states: string[]): number {
    return this.#replicas.filter(({ view }) => states.includes(view.state)).length;
  }

  #reconcile(): void {
    const { runtime } = this.plan;
    if (!runtime) return;
    while (this.#replicas.length < this.#desired) this.#add(runtime.config);
    while (this.#replicas.length > this.#desired) this.#remove();
  }

  #add(config: NonNullable<DeploymentPlan['runtime']>['config']): void {
    this.#number += 1;
    const { runtimeEntry: entry, stateDir, clock, rng, log, onChange } = this.#parts;
    const id = `${this.name}-${this.#number}`;
    const onRestart = (reason: RestartReason): void => this.#metrics.restarted(reason);
    this.#replicas.push(new Replica({ id, entry, stateDir, config, clock, rng, log, onChange, onRestart }));
  }

  /** Those that do not answer yet go first, then the newest. */
  #remove(): void {
    const unready = this.#replicas.findLastIndex(({ view }) => view.state !== 'ready');
    const [replica] = this.#replicas.splice(unready === -1 ? this.#replicas.length - 1 : unready, 1);
    if (!replica) return;
    this.#leaving.add(replica);
    void replica.drain().finally(() => {
      this.#leaving.delete(replica);
      this.#parts.onChange();
    });
  }
}
