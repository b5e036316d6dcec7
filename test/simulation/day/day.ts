import { poolConfigSchema, routerConfigSchema, type PoolConfig } from '@qwenfleet/core/fleet/router-config';
import { chatRequestSchema, type ChatRequest } from '@qwenfleet/core/openai/request';
import { FleetView } from '@qwenfleet/router/fleet-view';
import { createAdaptivePolicy } from '@qwenfleet/router/policy/adaptive/policy';
import { Steering } from '@qwenfleet/router/policy/adaptive/steering';
import type { PoolPolicy } from '@qwenfleet/router/policy/policy';
import { route } from '@qwenfleet/router/routing';
import { shippedWeights } from '@qwenfleet/router/score/weights';
import type { UpstreamPool } from '@qwenfleet/router/upstream/pool';
import { Chance } from '../world/chance.ts';
import { EventQueue } from '../world/queue.ts';
import { QueueClock } from './clock.ts';
import { promptsByKind } from './prompts.ts';
import { hourMs, hoursOfDay, Traffic } from './traffic.ts';

export type Scenario = {
  seed: number;
  largeShare: number;
  /** Requests a second at the busiest hour. */
  perSecondMax?: number;
  /** Each follows its own traffic, with an equal part of every replica. */
  routers?: number;
  /** The large pool has this many replicas from one hour to the other. */
  outage?: { fromHour: number; toHour: number; replicas: number };
  /** Only a part of the day, from one hour to the other. */
  hours?: readonly [from: number, to: number];
  /** False: nobody looks at how long a pool's queue is, to show what that is good for. */
  waits?: boolean;
};

export type Hour = {
  requests: number;
  hard: number;
  /** Sent to the large pool, and sent elsewhere because of its wait. */
  large: number;
  moved: number;
  /** Turned away by a queue. */
  refused: number;
  /** Mean cost weight of its requests. */
  costWeight: number;
  /** Would have gone to the large pool under the one cost weight that gives the day its share. */
  largeAtFixed: number;
};

/** Pools as in the examples; the large one is used to a half at the busiest hour under a share of .2. */
const shapes = [
  { name: 'small', tier: 'small', costPerToken: 0.1, replicas: 4, serviceMs: 2_000 },
  { name: 'medium', tier: 'medium', costPerToken: 0.3, replicas: 4, serviceMs: 4_000 },
  { name: 'large', tier: 'large', costPerToken: 1, replicas: 4, serviceMs: 8_000 },
] as const;
/** Requests that a replica takes at once, for each request a second of the busiest hour. */
const placesPerRequest = 1.5;
const perSecondUsual = 1;
const bytes = 1_000;

type Router = { fleet: FleetView; steering: Steering };
type Told = { hour: number; price: number };

/**
 * A day of requests for `auto` through real routers: their scorer, policy, steering and queues; only replicas are
 * simulated. What happened, hour by hour.
 */
export async function runDay(scenario: Scenario): Promise<Hour[]> {
  return new Day(scenario).run();
}

class Day {
  readonly #scenario: Required<Omit<Scenario, 'outage'>> & Pick<Scenario, 'outage'>;
  readonly #queue = new EventQueue();
  readonly #traffic: Traffic;
  readonly #service: Chance;
  readonly #routers: readonly Router[];
  readonly #policy: PoolPolicy = createAdaptivePolicy(shippedWeights);
  readonly #objective = routerConfigSchema.shape.objective.parse(undefined);
  readonly #requests = new Map<string, ChatRequest>();
  readonly #prices: Told[] = [];
  readonly #hours: Hour[] = Array.from({ length: hoursOfDay }, () => ({
    requests: 0,
    hard: 0,
    large: 0,
    moved: 0,
    refused: 0,
    costWeight: 0,
    largeAtFixed: 0,
  }));
  #count = 0;

  constructor(scenario: Scenario) {
    this.#scenario = { perSecondMax: perSecondUsual, routers: 1, waits: true, hours: [0, hoursOfDay], ...scenario };
    const { seed, largeShare, routers, perSecondMax } = this.#scenario;
    this.#traffic = new Traffic(new Chance(seed, 1), promptsByKind(), perSecondMax);
    this.#service = new Chance(seed, 2);
    const clock = new QueueClock(this.#queue);
    const rng = new Chance(seed, 3).rng;
    this.#routers = Array.from({ length: routers }, () => ({
      fleet: new FleetView(this.#pools(), { clock, rng, onWake: () => undefined }),
      steering: new Steering(largeShare),
    }));
  }

  async run(): Promise<Hour[]> {
    const { outage } = this.#scenario;
    const [from, to] = this.#scenario.hours;
    this.#tell(shapes[2].replicas);
    if (outage) {
      this.#queue.at(outage.fromHour * hourMs, () => this.#tell(outage.replicas));
      this.#queue.at(outage.toHour * hourMs, () => this.#tell(shapes[2].replicas));
    }
    const untilMs = to * hourMs;
    const arrive = (): void => {
      if (this.#queue.nowMs >= untilMs) return;
      this.#arrive();
      this.#queue.after(this.#traffic.gapMs(this.#queue.nowMs), arrive);
    };
    this.#queue.at(from * hourMs, arrive);
    // What was promised settles before time goes on.
    while (this.#queue.step(Infinity)) await new Promise((resolve) => setImmediate(resolve));
    this.#compareWithFixed();
    for (const hour of this.#hours) hour.costWeight /= Math.max(1, hour.requests);
    return this.#hours.slice(from, to);
  }

  #pools(): PoolConfig[] {
    const { perSecondMax, routers } = this.#scenario;
    return shapes.map(({ name, tier, costPerToken }) =>
      poolConfigSchema.parse({
        name,
        tier,
        costPerToken,
        upstreamModel: name,
        engine: 'external',
        contextLength: 32_768,
        concurrency: Math.max(1, Math.round((placesPerRequest * perSecondMax) / routers)),
      }),
    );
  }

  #tell(large: number): void {
    const pools = Object.fromEntries(
      shapes.map(({ name, replicas }) => {
        const count = name === 'large' ? large : replicas;
        const endpoints = Array.from({ length: count }, (_, at) => ({
          id: `${name}-${at}`,
          url: `http://${name}-${at}`,
          state: 'ready' as const,
        }));
        return [name, { endpoints, desired: count, starting: 0, wakeable: false }];
      }),
    );
    for (const { fleet } of this.#routers) fleet.update({ generation: 1, pools });
  }

  #arrive(): void {
    const { nowMs } = this.#queue;
    const at = Math.floor(nowMs / hourMs);
    const { kind, prompt } = this.#traffic.next(nowMs);
    const router = this.#routers[this.#count++ % this.#routers.length];
    const hour = this.#hours[at];
    if (!router || !hour) throw new RangeError(`there is no hour ${at}`);
    const { fleet, steering } = router;
    const steer = (price: number | undefined) => steering.costWeight(price);
    const { pool, decision } = route(this.#request(prompt), this.#seenBy(fleet), {
      policy: this.#policy,
      objective: { ...this.#objective, steer },
    });
    steering.decided(decision.largeChoice);
    const isLarge = pool.config.tier === 'large';
    hour.requests += 1;
    if (kind === 'hard') hour.hard += 1;
    if (isLarge) hour.large += 1;
    if (!isLarge && decision.largeChoice?.large) hour.moved += 1;
    hour.costWeight += decision.costWeight ?? 0;
    this.#prices.push({ hour: at, price: decision.largeChoice?.price ?? -Infinity });
    void this.#serve(pool, hour);
  }

  async #serve(pool: UpstreamPool, hour: Hour): Promise<void> {
    try {
      const lease = await pool.acquire({ bytes, signal: new AbortController().signal });
      const mean = shapes.find(({ name }) => name === pool.config.name)?.serviceMs ?? 0;
      // Half of it is the same for everybody, half exponential.
      const tookMs = mean * (0.5 - 0.5 * Math.log(1 - this.#service.rng()));
      this.#queue.after(tookMs, () => lease.release({ kind: 'answered' }));
    } catch {
      hour.refused += 1;
    }
  }

  #request(prompt: string): ChatRequest {
    const known = this.#requests.get(prompt);
    if (known) return known;
    const request = chatRequestSchema.parse({ model: 'auto', messages: [{ role: 'user', content: prompt }] });
    this.#requests.set(prompt, request);
    return request;
  }

  #seenBy(fleet: FleetView): Pick<FleetView, 'pools' | 'namesOf' | 'named' | 'views'> {
    if (this.#scenario.waits) return fleet;
    return {
      pools: fleet.pools,
      namesOf: (pool) => fleet.namesOf(pool),
      named: (name, task) => fleet.named(name, task),
      views: () => fleet.views().map((view) => ({ ...view, waitMs: 0, pressure: 0 })),
    };
  }

  /** The best that a number in a file could do: the one that is right for the day as a whole, known in advance. */
  #compareWithFixed(): void {
    const rising = this.#prices.map(({ price }) => price).toSorted((a, b) => a - b);
    const fixed = rising[Math.floor(rising.length * (1 - this.#scenario.largeShare))] ?? Infinity;
    for (const { hour: at, price } of this.#prices) {
      const hour = this.#hours[at];
      if (hour && price >= fixed) hour.largeAtFixed += 1;
    }
  }
}
