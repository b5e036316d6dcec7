import { only } from '../world/api.ts';
import type { Turn } from '../world/reconciler.ts';
import { turnMs } from '../world/router.ts';
import type { Parts } from './checks.ts';

/** Time in which a request that waits must find that a replica was ordered, while all that it takes is well. */
const wakeWithinMs = 20_000;
/** Time for which traffic may go where nobody answers, while all that it takes is well. */
const astrayMsMax = 20_000;
/** Failures beyond doubt: so many, and so many times the limit, that no chance explains them. */
const plainly = { errors: 10, timesTheLimit: 5 };

/** What users of the pool would notice: nobody answers, or what hurts stays. */
export class Service {
  readonly #parts: Parts;
  /** Revisions that people chose, whatever is the matter with them. */
  readonly #chosen = new Set<string>();
  #waitedMs = 0;
  #astrayMs = 0;
  #sendsToBadMs = 0;
  #canary = '';
  #counted = new Map<string, { requests: number; errors: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A person wants this one, or took away what told it from others. */
  choose(revision: string): void {
    this.#chosen.add(revision);
  }

  isChosen(revision: string): boolean {
    return this.#chosen.has(revision);
  }

  flawOf(revision: string | undefined): string {
    return this.#parts.scenario.revisions.find(({ name }) => name === revision)?.flaw ?? 'none';
  }

  /** A revision that never answered, or whose canary hurts, never serves. */
  turnProblem({ decision }: Turn): string | undefined {
    const { current } = decision.state;
    const flaw = this.flawOf(current);
    const shows = this.#parts.scenario.rollout.strategy === 'Canary' && (flaw === 'errors' || flaw === 'slow');
    if (this.#chosen.has(current)) return undefined;
    return flaw === 'never-ready' || flaw === 'crashes' || shows ? `a revision with flaw "${flaw}" serves` : undefined;
  }

  /** `well`: the operator leads, sees and may write, and routers report. `leader`: the process that counts. */
  problem(well: boolean, leader: string): string | undefined {
    return this.#asleep(well) ?? this.#astray(well) ?? this.#hurting(well, leader);
  }

  #asleep(well: boolean): string | undefined {
    const { routers, cluster } = this.#parts;
    const held = routers.reduce((sum, router) => sum + router.held, 0);
    this.#waitedMs = well && held > 0 && cluster.told === 0 ? this.#waitedMs + turnMs : 0;
    return this.#waitedMs > wakeWithinMs ? `${held} requests wait and no replica is ordered` : undefined;
  }

  #astray(well: boolean): string | undefined {
    const { api, cluster } = this.#parts;
    const weights = api.get('traffic', only)?.body.weights ?? {};
    const lost = Object.keys(weights).find((revision) => weights[revision] && cluster.ready(revision) === 0);
    this.#astrayMs = well && lost !== undefined && cluster.ready() > 0 ? this.#astrayMs + turnMs : 0;
    return this.#astrayMs > astrayMsMax ? `traffic goes to ${lost}, of which no replica is ready` : undefined;
  }

  /** A canary that hurts beyond doubt is gone within two intervals of its analysis. */
  #hurting(well: boolean, leader: string): string | undefined {
    const { api, scenario } = this.#parts;
    const { rollout } = scenario;
    const pool = api.get('pool', only)?.body;
    const { updateRevision: update, step = 0 } = pool?.status.rollout ?? {};
    const weight = api.get('traffic', only)?.body.weights[update ?? ''] ?? 0;
    const flaw = this.flawOf(update);
    // What the old revision does as badly is not held against the new one.
    const worse = this.flawOf(pool?.status.rollout?.currentRevision) === 'none';
    const bad = worse && rollout.strategy === 'Canary' && (flaw === 'errors' || flaw === 'slow');
    // A new leader has counted nothing yet.
    const canary = `${update}.${step}.${leader}`;
    // What a silent router counts is not known to belong to this step.
    const heard = this.#parts.routers.every((router) => router.isHeard);
    if (!heard || !bad || update === undefined || weight === 0 || this.#chosen.has(update) || canary !== this.#canary) {
      this.#begin(canary, update);
      return undefined;
    }
    if (!well || !this.#plain(update)) return undefined;
    this.#sendsToBadMs += turnMs;
    const intervalMs = rollout.steps[0]?.pauseMs ?? 0;
    return this.#sendsToBadMs > 2 * intervalMs ? `a canary with flaw "${flaw}" still gets ${weight} %` : undefined;
  }

  #begin(canary: string, update: string | undefined): void {
    this.#canary = canary;
    this.#sendsToBadMs = 0;
    this.#counted = new Map();
    if (update !== undefined) this.#counted.set(update, this.#totals(update));
  }

  #totals(revision: string): { requests: number; errors: number } {
    const reports = this.#parts.routers.map((router) => router.counted(revision));
    return {
      requests: reports.reduce((sum, report) => sum + (report ? report.requestsTotal - report.inFlight : 0), 0),
      errors: reports.reduce((sum, report) => sum + (report?.errorsTotal ?? 0), 0),
    };
  }

  /** Have the routers counted enough for anybody to call it bad? */
  #plain(update: string): boolean {
    const { maxErrorRatio, minRequests } = this.#parts.scenario.rollout.analysis;
    const [began, now] = [this.#counted.get(update), this.#totals(update)];
    const requests = now.requests - (began?.requests ?? 0);
    const errors = now.errors - (began?.errors ?? 0);
    if (this.flawOf(update) === 'slow') return requests >= minRequests;
    return errors >= plainly.errors && errors >= plainly.timesTheLimit * maxErrorRatio * requests;
  }
}
