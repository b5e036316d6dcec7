import { rmSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '@qwenfleet/core/clock';
import type { FromChild } from '@qwenfleet/core/fleet/channel';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { Fleet } from '@qwenfleet/crds/fleet-file';
import type { Condition } from '@qwenfleet/crds/status';
import { PoolMetrics } from '../pool-metrics.ts';
import { withTransitions } from '../reconcile/conditions.ts';
import { planDeployment } from '../reconcile/qwendeployment/plan.ts';
import { deploymentStatus } from '../reconcile/qwendeployment/plan/status.ts';
import { planRouter, type RouterPlan } from '../reconcile/qwenrouter/plan.ts';
import { gapsOf } from '../reconcile/substrate.ts';
import { ControlServer } from './control-server.ts';
import { namespaceDefault, Pool } from './pool.ts';
import { RouterProcess } from './router-process.ts';
import { scrapeTargets, type ScrapeTarget } from './scrape-targets.ts';
import type { LocalStatus, PoolStatus } from './status.ts';
import { localRouterGaps, localSubstrate } from './substrate.ts';

/** How often the scaler looks; a request for a pool at zero does not wait for it. */
const tickMs = 250;
/** A fleet that is told to stop is gone within five seconds: this leaves a margin for the processes to end. */
const stopWithinMs = 3_500;
/** Streams that still run are ended with an error chunk after this. */
const routerGraceMs = 2_000;

export type LocalFleetOptions = {
  fleet: Fleet;
  /** Programs of the two kinds of process. */
  entries: { router: string; runtime: string };
  listen: { host: string; port?: number | undefined };
  /** Where Prometheus finds /metrics of the operator and /targets of everything; a free one when left out. */
  metricsPort?: number | undefined;
  cacheDir: string;
  stateDir: string;
  clock: Clock;
  rng: Rng;
  log: Logger;
};

/**
 * A fleet as processes of this machine, by the same decisions that a cluster gets: plans of pools and router, and the
 * scaler. Call `start`, then `stop`; `kill` when stopping takes too long.
 */
export class LocalFleet {
  readonly #options: LocalFleetOptions;
  readonly #pools: Pool[];
  readonly #routerPlan: RouterPlan;
  readonly #telemetry = new Telemetry('operator');
  readonly #ending = new AbortController();
  readonly #conditions = new Map<string, Condition[]>();
  readonly #processDir: string;
  #router: RouterProcess | undefined;
  #control: ControlServer | undefined;
  #generation = 0;
  #publishing = false;

  constructor(options: LocalFleetOptions) {
    this.#options = options;
    const { fleet, listen, cacheDir, stateDir, entries, clock, rng, log } = options;
    this.#processDir = path.join(stateDir, `fleet-${process.pid}`);
    const parts = {
      runtimeEntry: entries.runtime,
      stateDir: this.#processDir,
      clock,
      rng,
      log,
      telemetry: this.#telemetry,
      onChange: () => this.#changed(),
    };
    this.#pools = fleet.deployments.map((deployment) => {
      const hardwareClass = fleet.hardwareClasses.find(
        ({ metadata }) => metadata.name === deployment.spec.hardware?.class,
      );
      const plan = planDeployment({ deployment, hardwareClass, substrate: localSubstrate, cacheDir });
      return new Pool(deployment, plan, parts);
    });
    const { hardwareClasses, secrets, router } = fleet;
    const planned = this.#pools.map(({ deployment, plan }) => ({ deployment, resolved: plan.resolved }));
    this.#routerPlan = planRouter({ router, pools: planned, hardwareClasses, secrets, listen });
  }

  get pools(): readonly Pool[] {
    return this.#pools;
  }

  /** True when the endpoint asks for a key. */
  get guarded(): boolean {
    return this.#routerPlan.config.keys.length > 0;
  }

  /** Fields of the router's spec that nothing follows from. */
  get routerNotActedOn(): RouterPlan['notActedOn'] {
    return [...this.#routerPlan.notActedOn, ...gapsOf(localRouterGaps, this.#options.fleet.router.spec)];
  }

  /** Starts every process and resolves with the endpoint's address as soon as it listens; pools come up meanwhile. */
  async start(): Promise<string> {
    const { entries, clock, rng, log, stateDir, metricsPort } = this.#options;
    mkdirSync(this.#processDir, { recursive: true, mode: 0o700 });
    const { config } = this.#routerPlan;
    this.#router = new RouterProcess({
      entry: entries.router,
      stateDir: this.#processDir,
      config: { ...config, drain: { noticeMs: 0, graceMs: Math.min(config.drain.graceMs, routerGraceMs) } },
      clock,
      rng,
      log,
      snapshot: () => this.#snapshot(),
      onMessage: (message) => this.#hear(message),
      onGone: () => {
        for (const pool of this.#pools) pool.hear(undefined);
      },
    });
    for (const pool of this.#pools) pool.tick();
    const url = await this.#router.listening();
    this.#control = await ControlServer.start(stateDir, url, {
      status: () => this.status(),
      metrics: () => this.#expose(),
      targets: (operatorUrl) => this.#targets(operatorUrl),
      port: metricsPort,
    });
    void this.#loop();
    return url;
  }

  status(): LocalStatus {
    return {
      url: this.#router?.url ?? '',
      router: { pid: this.#router?.pid, restarts: this.#router?.restarts ?? 0 },
      pools: this.#pools.map((pool) => this.#poolStatus(pool)),
    };
  }

  /** Ends every process within five seconds. */
  async stop(): Promise<void> {
    this.#end();
    await Promise.all([this.#router?.stop(stopWithinMs), ...this.#pools.map((pool) => pool.stop(stopWithinMs))]);
    rmSync(this.#processDir, { recursive: true, force: true });
  }

  /** Ends every process now. */
  kill(): void {
    this.#end();
    this.#router?.kill();
    for (const pool of this.#pools) pool.kill();
  }

  #expose(): Promise<{ contentType: string; body: string }> {
    PoolMetrics.reset(this.#telemetry);
    for (const pool of this.#pools) pool.measure();
    return this.#telemetry.expose();
  }

  #targets(operatorUrl: string): ScrapeTarget[] {
    const { name, namespace = namespaceDefault } = this.#options.fleet.router.metadata;
    return scrapeTargets({ namespace, operatorUrl, router: { name, url: this.#router?.url }, pools: this.#pools });
  }

  #end(): void {
    this.#ending.abort();
    this.#control?.stop();
  }

  async #loop(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      for (const pool of this.#pools) pool.tick();
      await clock.sleep(tickMs, signal).catch(() => undefined);
    }
  }

  #hear(message: FromChild): void {
    if (message.type === 'load') {
      for (const pool of this.#pools) pool.hear(message.pools[pool.name]);
    } else if (message.type === 'wake') {
      const pool = this.#pools.find(({ name }) => name === message.pool);
      // The report with the held request may be on its way still.
      if (pool?.plan.wakeable && pool.desired === 0) {
        pool.hear({ inFlight: 0, requestsTotal: 0, ...pool.load, held: Math.max(1, pool.load?.held ?? 0) });
        pool.tick();
      }
    }
  }

  /** Several changes of one moment become one message. */
  #changed(): void {
    if (this.#publishing || this.#ending.signal.aborted) return;
    this.#publishing = true;
    setImmediate(() => {
      this.#publishing = false;
      this.#generation += 1;
      this.#router?.publish();
    });
  }

  #snapshot(): EndpointSnapshot {
    const selected = this.#pools.filter(({ name }) => this.#routerPlan.selected.has(name));
    return {
      generation: this.#generation,
      pools: Object.fromEntries(selected.map((pool) => [pool.name, pool.endpoints()])),
    };
  }

  #poolStatus(pool: Pool): PoolStatus {
    const { plan, deployment, load } = pool;
    const router = !this.#routerPlan.selected.has(pool.name)
      ? 'not-selected'
      : this.#router?.url
        ? 'ready'
        : 'unavailable';
    const found = deploymentStatus(deployment, plan.resolved, pool.observed(router), plan.runtime?.revision);
    const nowIso = new Date(this.#options.clock.epochMs()).toISOString();
    const conditions = withTransitions(this.#conditions.get(pool.name) ?? [], found.conditions, nowIso);
    this.#conditions.set(pool.name, conditions);
    const ready = plan.resolved.engine.type === 'external' ? 1 : (found.readyReplicas ?? 0);
    return {
      name: pool.name,
      tier: plan.resolved.tier,
      model: plan.resolved.description,
      status: statusWord(pool, ready),
      ready,
      desired: Math.max(pool.desired, plan.resolved.engine.type === 'external' ? 1 : 0),
      inFlight: load?.inFlight ?? 0,
      held: load?.held ?? 0,
      restarts: pool.replicas.reduce((sum, { restarts }) => sum + restarts, 0),
      lastDecision: lastDecision(pool),
      replicas: pool.replicas.map((replica) => this.#replicaStatus(replica)),
      conditions,
      notActedOn: plan.resolved.notActedOn,
    };
  }

  #replicaStatus(replica: Pool['replicas'][number]): PoolStatus['replicas'][number] {
    const { id, pid, view, endpoint, startedMs, restarts } = replica;
    const ageMs = Math.round(this.#options.clock.nowMs() - startedMs);
    return {
      id,
      pid,
      state: view.state,
      url: endpoint?.url,
      ageMs,
      restarts,
      progress: view.progress,
      failure: view.failure,
    };
  }
}

function statusWord(pool: Pool, ready: number): PoolStatus['status'] {
  if (ready > 0) return 'ready';
  if (pool.endpoints().problem !== undefined) return 'unavailable';
  return pool.desired > 0 ? 'starting' : 'scaled-to-zero';
}

function lastDecision({ scaling }: Pool): string {
  const last = scaling?.history[0];
  return last === undefined ? (scaling?.reason ?? '') : `${last.from} to ${last.to}: ${last.reason}`;
}
