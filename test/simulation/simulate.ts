import type { Act } from './acts.ts';
import { Checks } from './checks/checks.ts';
import type { Fault } from './faults.ts';
import { scenarioOf, type Scenario } from './scenario.ts';
import { Api, only } from './world/api.ts';
import { Chance } from './world/chance.ts';
import { Cluster } from './world/cluster.ts';
import type { Bodies } from './world/objects.ts';
import { Process, type Turbulence, type World } from './world/process.ts';
import { EventQueue } from './world/queue.ts';
import { realDecisions, type Decisions } from './world/reconciler.ts';
import { Router, turnMs } from './world/router.ts';
import { relistWithinMs } from './world/watch.ts';

/** How much of what the properties are about happened. */
export type Seen = {
  decisions: number;
  writes: number;
  rollouts: number;
  broughtIn: number;
  takenBack: number;
  processes: number;
  leaders: number;
  faults: number;
  acts: number;
};

export type Result = {
  seed: number;
  /** What broke first; undefined when everything held. */
  failure: string | undefined;
  simulatedMs: number;
  /** From the last fault until everything was as it should be. */
  convergedMs: number;
  seen: Seen;
};

export type Options = {
  trace?: ((line: string) => void) | undefined;
  decisions?: Decisions | undefined;
  /** False: the API server takes every write, to show that somebody would notice. */
  locks?: boolean | undefined;
};

/** Everything stays as it should be for this long, without a write, before it counts as at rest. */
const restMs = 120_000;
/** How long a process that ended takes to come back. */
const restartMs = { low: 1_000, high: 20_000 };
const calm: Turbulence = { late: 0, twice: 0, lost: 0, failed: 0, unanswered: 0, slow: 0 };

/** One whole fleet under one seed: traffic, people, faults, two operators, and the real decisions. */
class Simulation {
  readonly queue = new EventQueue();
  readonly scenario: Scenario;
  readonly api = new Api();
  readonly cluster: Cluster;
  readonly routers: Router[] = [];
  readonly chance: Chance;
  readonly checks: Checks;
  /** One process in each place, while one is there. */
  readonly processes: (Process | undefined)[] = [undefined, undefined];
  readonly #world: World;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #seen: Seen;
  readonly #leaders = new Set<Process>();
  #restsSinceMs: number | undefined;
  #convergedMs = 0;
  #over = false;

  constructor(seed: number, { trace, decisions = realDecisions, locks = true }: Options) {
    const scenario = scenarioOf(seed);
    const { queue, api } = this;
    this.scenario = scenario;
    this.#trace = trace;
    api.locks = locks;
    this.chance = new Chance(seed, 2);
    this.cluster = new Cluster(api, queue, new Chance(seed, 3), scenario);
    const parts = { api, cluster: this.cluster, scenario };
    for (let at = 0; at < scenario.routers; at += 1) {
      this.routers.push(new Router(`router-${at}`, { ...parts, chance: new Chance(seed, 5 + at) }, this.routers));
    }
    this.checks = new Checks({ ...parts, routers: this.routers }, () => queue.nowMs);
    this.#seen = { decisions: 0, writes: 0, rollouts: 0, broughtIn: 0, takenBack: 0 } as Seen;
    Object.assign(this.#seen, { processes: 0, leaders: 0, faults: 0, acts: 0 });
    this.#world = {
      api,
      queue,
      chance: new Chance(seed, 4),
      scenario,
      routers: this.routers,
      decisions,
      watcher: this.#watcher(),
      turbulence: () => (this.#quiet ? calm : scenario.turbulence),
    };
  }

  run(): Result {
    const { scenario, queue } = this;
    this.#say(() => JSON.stringify({ ...scenario, load: undefined }));
    this.create(scenario.revisions[0]?.name ?? '');
    this.start(0);
    queue.after(this.chance.between(1, 5_000), () => this.start(1));
    queue.every(turnMs, () => this.#turn());
    for (const act of scenario.acts) queue.at(act.atMs, () => this.#do(act));
    for (const fault of scenario.faults) queue.at(fault.atMs, () => this.#strike(fault));
    queue.every(15_000, () => this.#attend());
    queue.at(scenario.quietFromMs + 2 * relistWithinMs, () => this.#compareCaches());
    queue.runUntil(scenario.untilMs, () => this.#over || this.checks.failure !== undefined);
    if (!this.#over) this.checks.fail(`it has not come to rest: ${this.#unsettled() ?? this.#lastWrite()}`);
    this.#seen.writes = this.checks.writes;
    this.#seen.leaders = this.#leaders.size;
    const { failure } = this.checks;
    return { seed: scenario.seed, failure, simulatedMs: queue.nowMs, convergedMs: this.#convergedMs, seen: this.#seen };
  }

  get pool(): Bodies['pool'] | undefined {
    return this.api.get('pool', only)?.body;
  }

  get leader(): Process | undefined {
    return this.processes.find((process) => process?.leads);
  }

  get #quiet(): boolean {
    return this.queue.nowMs >= this.scenario.quietFromMs;
  }

  create(aim: string): void {
    const maxReplicas = this.scenario.scale?.maxReplicas ?? this.scenario.replicas;
    this.api.put('pool', only, { aim, paused: false, maxReplicas, status: {} });
  }

  edit(change: Partial<Bodies['pool']>): void {
    const { pool } = this;
    if (pool) this.api.put('pool', only, { ...pool, ...change });
  }

  start(place: number): void {
    if (this.processes[place]) return;
    this.#seen.processes += 1;
    this.processes[place] = new Process(`operator-${place}-${this.#seen.processes}`, this.#world, () => {
      this.processes[place] = undefined;
      this.queue.after(this.chance.between(restartMs.low, restartMs.high), () => this.start(place));
    });
  }

  #watcher(): World['watcher'] {
    const { checks } = this;
    return {
      decided: (by, turn) => {
        this.#seen.decisions += 1;
        checks.decided(by, turn);
      },
      writing: (by, kind, name, basis) => checks.writing(by, kind, name, basis),
      written: (by, kind, name, turn) => {
        checks.written(by, kind, name, turn);
        this.#say(() => `${by} writes ${kind} ${name}: ${this.#line(turn.desired)}`);
      },
      stored: (by, turn, time, status) => {
        checks.stored(by, turn, time, status);
        for (const { reason, message } of turn.decision.events) {
          if (reason === 'RolloutStarted') this.#seen.rollouts += 1;
          if (reason === 'RolloutComplete') this.#seen.broughtIn += 1;
          if (turn.decision.state.rejected !== undefined && turn.decision.state.update === undefined) {
            this.#seen.takenBack += 1;
          }
          this.#say(() => `${by}: ${reason}: ${message}`);
        }
      },
    };
  }

  #turn(): void {
    const { nowMs } = this.queue;
    const { leader } = this;
    if (leader) this.#leaders.add(leader);
    const perSecond = this.scenario.load.findLast(({ atMs }) => atMs <= nowMs)?.perSecond ?? 0;
    for (const router of this.routers) router.turn(nowMs, perSecond / this.routers.length, this.#quiet);
    if (this.scenario.wakes) this.#wake();
    const heard = this.routers.some((router) => router.report(nowMs) !== undefined);
    const well = heard && !this.api.down && leader?.sees === true && this.pool !== undefined && !this.pool.paused;
    this.checks.fail(this.checks.service.problem(well, leader?.name ?? ''));
    if (this.#quiet) this.#rest();
  }

  /** A router may start the first replica of what serves, through the scale subresource, and no other. */
  #wake(): void {
    const { api, cluster, routers, pool } = this;
    const serves = pool?.status.rollout?.currentRevision;
    if (serves === undefined || pool?.paused || cluster.told > 0 || this.scenario.scale?.minReplicas !== 0) return;
    if (!routers.some(({ held }) => held > 0) || api.down || !this.chance.happens(0.3)) return;
    if (!api.get('workload', serves)) return;
    cluster.lastHandMs = this.queue.nowMs;
    api.put('workload', serves, { told: 1 });
  }

  #do(act: Act): void {
    this.#seen.acts += 1;
    this.#say(() => `somebody: ${JSON.stringify(act)}`);
    deeds[act.do](this, act);
  }

  #strike(fault: Fault): void {
    this.#seen.faults += 1;
    this.#say(() => `fault: ${JSON.stringify(fault)}`);
    strikes[fault.kind](this, 'forMs' in fault ? fault.forMs : 0);
  }

  /** People who see a rollout through: old replicas are deleted one at a time, and a test is ended. */
  #attend(): void {
    const { strategy } = this.scenario.rollout;
    const { pool, cluster } = this;
    const { updateRevision: update, currentRevision: current } = pool?.status.rollout ?? {};
    if (update === undefined) return;
    const stuck = current === undefined || cluster.ready(current) === 0;
    if (strategy === 'OnDelete' && (stuck || cluster.ready() >= Math.min(cluster.told, this.scenario.accelerators))) {
      const old = cluster.pods.filter(({ revision, phase }) => revision.name === current && phase !== 'terminating');
      const pod = old.find(({ phase }) => phase === 'ready' || stuck);
      if (pod) cluster.lose(pod);
    }
    const { service } = this.checks;
    const good = service.flawOf(update) === 'none';
    // Which of two bad ones is to serve is for people to say.
    const asked = strategy === 'ABTest' || (!good && service.flawOf(current) !== 'none');
    if (!asked || this.queue.nowMs < this.scenario.quietFromMs + 240_000) return;
    this.edit(good ? { promote: update } : { abort: update });
  }

  /** Once nothing is lost any more, every cache shows what is. */
  #compareCaches(): void {
    for (const process of this.processes) this.checks.fail(process?.cacheProblem());
  }

  #rest(): void {
    const { nowMs } = this.queue;
    if (this.#unsettled() !== undefined) this.#restsSinceMs = undefined;
    else this.#restsSinceMs ??= nowMs;
    if (this.#restsSinceMs === undefined) return;
    const { service } = this.checks;
    const current = this.pool?.status.rollout?.currentRevision ?? '';
    // What people chose though it cannot serve is never at rest.
    const lastWriteMs = service.isChosen(current) && service.flawOf(current) !== 'none' ? 0 : this.checks.lastWriteMs;
    const sinceMs = Math.max(this.#restsSinceMs, lastWriteMs);
    if (nowMs - sinceMs < restMs) return;
    this.#convergedMs = Math.max(0, sinceMs - this.scenario.quietFromMs);
    this.#over = true;
  }

  #lastWrite(): string {
    const agoMs = this.queue.nowMs - this.checks.lastWriteMs;
    return `all is well, and the last write was ${Math.round(agoMs / 1000)} s ago`;
  }

  /** What is not as it should be in the end; undefined when all is well. */
  #unsettled(): string | undefined {
    const { pool, cluster } = this;
    const { currentRevision: current, updateRevision: update, reason } = pool?.status.rollout ?? {};
    if (!pool || current === undefined) return 'nothing was decided yet';
    if (update !== undefined) return `${update} is still coming: ${reason}`;
    return this.#wrongRevision(pool, current) ?? this.#wrongReplicas(current, cluster.told);
  }

  #wrongRevision({ aim, status: { rollout } }: Bodies['pool'], current: string): string | undefined {
    if (current === aim) return undefined;
    const { rejected } = rollout ?? {};
    if (rejected?.revision !== aim) return `${aim} is asked for and neither serves nor was refused`;
    const excused = rejected.reason === 'RolloutAborted' || this.#lacksRoom(rejected.reason);
    const good = this.checks.service.flawOf(aim) === 'none';
    return good && !excused ? `${aim} is good and was refused: ${rejected.reason} ${rejected.message}` : undefined;
  }

  #wrongReplicas(current: string, told: number): string | undefined {
    const { cluster, scenario, routers } = this;
    const serving = this.api.get('workload', current)?.body.told ?? 0;
    // Where nothing else answers, a revision that was taken back stays.
    if (this.checks.service.flawOf(current) !== 'none' && cluster.ready(current) === 0) return undefined;
    if (told !== serving) return `${told - serving} replicas of other revisions are left`;
    if (this.checks.service.flawOf(current) === 'none') {
      const placed = Math.min(serving, scenario.accelerators);
      if (cluster.ready(current) < placed) return `${cluster.ready(current)} of ${placed} replicas are ready`;
    }
    if (serving === 0) return 'there is load and no replica';
    const held = routers.reduce((sum, router) => sum + router.held, 0);
    return held > 0 && !this.checks.service.isChosen(current) ? `${held} requests wait` : undefined;
  }

  /** Blue-green needs everything twice: where there are not enough accelerators for that, going back is right. */
  #lacksRoom(reason: string): boolean {
    const { rollout, accelerators, scale, replicas } = this.scenario;
    const most = Math.max(this.pool?.maxReplicas ?? 0, scale?.maxReplicas ?? replicas);
    return reason === 'ProgressDeadlineExceeded' && rollout.strategy === 'BlueGreen' && accelerators < 2 * most;
  }

  #say(line: () => string): void {
    this.#trace?.(`${(this.queue.nowMs / 1000).toFixed(1).padStart(7)} ${line()}`);
  }

  #line(desired: number): string {
    const weights = this.api.get('traffic', only)?.body.weights ?? {};
    const revisions = this.api.list('workload').map(({ metadata: { name }, body }) => {
      const phases = this.cluster.pods.filter(({ revision }) => revision.name === name).map(({ phase }) => phase[0]);
      return `${name} ${body.told} [${phases.join('')}] ${weights[name] ?? 0}%`;
    });
    const [busy, held] = [
      this.routers.reduce((sum, router) => sum + router.busy, 0),
      this.routers.reduce((sum, router) => sum + router.held, 0),
    ];
    return `wants ${desired} | ${revisions.join(' | ')} | ${busy} run, ${held} wait | ${this.pool?.status.rollout?.reason}`;
  }
}

type Deeds = { [D in Act['do']]: (simulation: Simulation, act: Act) => void };
const nameOf = ({ scenario }: Simulation, act: Act): string =>
  ('revision' in act ? scenario.revisions[act.revision]?.name : undefined) ?? '';

const deeds: Deeds = {
  ask: (simulation, act) => simulation.edit({ aim: nameOf(simulation, act) }),
  promote: (simulation, act) => {
    simulation.checks.service.choose(nameOf(simulation, act));
    simulation.edit({ promote: nameOf(simulation, act) });
  },
  abort: (simulation, act) => simulation.edit({ abort: nameOf(simulation, act) }),
  pause: (simulation, act) => {
    simulation.edit({ paused: true });
    simulation.queue.after('forMs' in act ? act.forMs : 0, () => simulation.edit({ paused: false }));
  },
  resize: (simulation, act) => simulation.edit('maxReplicas' in act ? { maxReplicas: act.maxReplicas } : {}),
  'scale-by-hand': ({ api, cluster, chance, queue }, act) => {
    const workloads = api.list('workload');
    const workload = workloads[Math.floor(chance.rng() * workloads.length)];
    if (!workload || !('replicas' in act)) return;
    cluster.lastFailureMs = queue.nowMs;
    cluster.lastHandMs = queue.nowMs;
    api.put('workload', workload.metadata.name, { told: act.replicas });
  },
  // Whatever has most replicas is taken for what serves.
  'lose-status': (simulation) => {
    for (const { name } of simulation.scenario.revisions) simulation.checks.service.choose(name);
    simulation.edit({ status: {} });
  },
  delete: (simulation) => {
    const { pool, api, cluster, queue, chance } = simulation;
    if (!pool) return;
    for (const { name } of simulation.scenario.revisions) simulation.checks.service.choose(name);
    cluster.lastFailureMs = queue.nowMs;
    api.remove('pool', only);
    for (const { metadata } of api.list('workload')) api.remove('workload', metadata.name);
    queue.after(chance.between(5_000, 60_000), () => simulation.create(pool.aim));
  },
};

const somePod = ({ cluster, chance }: Simulation): Cluster['pods'][number] | undefined => {
  const pods = cluster.pods.filter(({ phase }) => phase === 'ready' || phase === 'loading');
  return pods[Math.floor(chance.rng() * pods.length)];
};
const oneOf = <T>({ chance }: Simulation, all: readonly T[]): T | undefined =>
  all[Math.floor(chance.rng() * all.length)];

const strikes: Readonly<Record<Fault['kind'], (simulation: Simulation, forMs: number) => void>> = {
  'pod-crash': (simulation) => {
    const pod = somePod(simulation);
    if (pod) simulation.cluster.crash(pod);
  },
  'node-loss': ({ cluster, chance }) => {
    const lost = cluster.pods.filter(({ phase }) => phase !== 'terminating' && chance.happens(0.5));
    for (const pod of lost) cluster.lose(pod);
  },
  'router-restart': (simulation) => oneOf(simulation, simulation.routers)?.restart(simulation.queue.nowMs),
  'router-silent': (simulation, forMs) => oneOf(simulation, simulation.routers)?.silence(simulation.queue.nowMs, forMs),
  'operator-killed': (simulation) => (simulation.leader ?? oneOf(simulation, simulation.processes))?.kill(),
  'operator-stopped': ({ leader }) => leader?.stop(),
  'operator-frozen': (simulation, forMs) =>
    (simulation.leader ?? oneOf(simulation, simulation.processes))?.freeze(forMs),
  'operator-cut-off': ({ leader }, forMs) => leader?.cutOff(forMs),
  'watch-silent': (simulation, forMs) => oneOf(simulation, simulation.processes)?.deafen(forMs),
  'api-down': ({ api, queue }, forMs) => {
    api.down = true;
    queue.after(forMs, () => (api.down = false));
  },
  'nothing-placed': ({ cluster, queue }, forMs) => {
    cluster.placesFromMs = queue.nowMs + forMs;
  },
};

/**
 * Runs one seed to its end, or to the first property that breaks. The same seed is the same run, to the last digit.
 *
 * @example simulate(42, { trace: console.log }).failure
 */
export const simulate = (seed: number, options: Options = {}): Result => new Simulation(seed, options).run();
