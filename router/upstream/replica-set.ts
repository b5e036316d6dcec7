import type { Clock } from '@qwenfleet/core/clock';
import type { Endpoint } from '@qwenfleet/core/fleet/endpoints';
import { routingDefault, type PoolConfig } from '@qwenfleet/core/fleet/router-config';
import type { Rng } from '@qwenfleet/core/rng';
import type { Affinity } from '../policy/affinity.ts';
import { armsOf, askedFor, drawArms, mayAnswer, weightOf, type HeaderReader } from '../policy/canary/arms.ts';
import { chooseReplica } from '../policy/choose-replica.ts';
import { hashText } from '../policy/hash.ts';
import { Popularity } from '../policy/prefix-hash/popularity.ts';
import type { ReplicaView } from '../policy/replica.ts';
import { slowReplicas } from '../policy/slow-replicas.ts';
import { slowStart } from '../policy/slow-start.ts';
import { Health } from './health.ts';
import type { Outcome } from './outcome.ts';
import { Pace } from './pace.ts';
import { Silence } from './silence.ts';

export type Replica = ReplicaView & {
  id: string;
  url: string;
  revision: string | undefined;
  draining: boolean;
  /** When it came; -Infinity when it was there as the router first heard of the pool. */
  sinceMs: number;
  readonly health: Health;
  readonly silence: Silence;
  readonly pace: Pace;
};

/** What a request brings to the choice of its replica. */
export type Asking = {
  /** In [0, 1): which arm it draws. */
  ticket: number;
  /** Replicas that have failed it already: asked again only when there is no other. */
  tried: ReadonlySet<string>;
  /** Its headers, which may ask for a revision. */
  header: HeaderReader;
  /** By which it wants the same replica as others; undefined where it goes by load alone. */
  key: number | undefined;
};

type Spread = Pick<PoolConfig, 'concurrency' | 'weights' | 'header' | 'routing'>;

/** One pool's replicas: who is there, who may be asked, and how much each does. */
export class ReplicaSet {
  readonly #clock: Clock;
  readonly #rng: Rng;
  #spread: Spread;
  #replicas: readonly Replica[] = [];
  /** Asked several times a request, and another only when the list or the weights are. */
  #ready: readonly Replica[] = [];
  /** Gone from the list, and still answering. */
  readonly #leaving = new Set<Replica>();
  readonly #popularity = new Popularity();
  /** Requests that replicas were asked. */
  #asked = 0;
  #heardOf = false;

  constructor(spread: Spread, { clock, rng }: { clock: Clock; rng: Rng }) {
    this.#spread = spread;
    this.#clock = clock;
    this.#rng = rng;
  }

  configure(spread: Spread): void {
    this.#spread = spread;
    for (const replica of this.#replicas) replica.concurrency = spread.concurrency;
    this.#ready = this.#takingRequests();
  }

  /** Takes a new list; replicas that stay keep what is known of them. */
  update(endpoints: readonly Endpoint[]): void {
    const before = new Map(this.#replicas.map((replica) => [replica.id, replica]));
    this.#replicas = [...new Map(endpoints.map((endpoint) => [endpoint.id, endpoint])).values()].map((endpoint) => {
      const { id, url, state, revision } = endpoint;
      const known = before.get(id) ?? this.#arrived(id);
      before.delete(id);
      return Object.assign(known, {
        url: baseOf(url),
        revision,
        draining: state === 'draining',
        concurrency: this.#spread.concurrency,
      });
    });
    this.#heardOf = true;
    for (const gone of before.values()) if (gone.inFlight > 0) this.#leaving.add(gone);
    this.#ready = this.#takingRequests();
  }

  get all(): readonly Replica[] {
    return this.#replicas;
  }

  get size(): number {
    return this.#replicas.length;
  }

  /** Replicas that take new requests, those that are shut out for a moment included. */
  get ready(): readonly Replica[] {
    return this.#ready;
  }

  /** Requests with all replicas, or with those of one revision. */
  inFlight(revision?: string): number {
    return [...this.#replicas, ...this.#leaving]
      .filter((replica) => revision === undefined || replica.revision === revision)
      .reduce((sum, replica) => sum + replica.inFlight, 0);
  }

  /** Revisions that are there, weighted, or still answering. */
  get revisions(): ReadonlySet<string> {
    const present = [...this.#replicas, ...this.#leaving].flatMap(({ revision }) => revision ?? []);
    return new Set([...present, ...Object.keys(this.#spread.weights)]);
  }

  /** May any be asked now, were there room? Those in `tried` do not count. */
  anyOpen(nowMs: number, tried: ReadonlySet<string> = new Set()): boolean {
    return this.ready.some(({ id, health }) => health.open(nowMs) && !tried.has(id));
  }

  /** Has any that may be asked room for one more? */
  hasRoom(nowMs: number): boolean {
    return this.ready.some(({ health, inFlight, concurrency }) => health.open(nowMs) && inFlight < concurrency);
  }

  /** Every one has failed again and again: waiting is a bad bet. */
  down(nowMs: number): boolean {
    const { ready } = this;
    return ready.length > 0 && ready.every(({ health }) => health.down(nowMs));
  }

  /** Replicas that have not failed again and again, as far as is known. */
  get sound(): number {
    return this.ready.filter(({ health }) => !health.failed).length;
  }

  /** Is what is left too little for the pool's load? Fewer than half of the replicas that should answer (Envoy: 50 %). */
  get panics(): boolean {
    return this.sound < this.ready.length / 2;
  }

  /** When the next one that may not be asked now may be; undefined when all may. */
  nextReturnMs(nowMs: number): number | undefined {
    const untils = this.ready.map(({ health }) => health.opensMs).filter((untilMs) => untilMs > nowMs);
    return untils.length === 0 ? undefined : Math.min(...untils);
  }

  /** The key by which a request finds its replica; undefined where one is as good as another. */
  keyOf(affinity: Affinity | undefined): number | undefined {
    if (!affinity || affinity.session !== undefined) return affinity?.session;
    if (this.#routing.strategy !== 'PrefixHash' || this.ready.length === 1) return undefined;
    return this.#popularity.keyOf(affinity.prompt(), Math.max(1, this.ready.length));
  }

  /** The replica for a request; undefined when it has to wait. */
  choose(asking: Asking, nowMs: number): Replica | undefined {
    const { tried } = asking;
    for (const replica of this.ready) replica.weight = slowStart(nowMs - replica.sinceMs);
    const open = this.ready.filter(({ health }) => health.open(nowMs));
    const fresh = tried.size === 0 ? open : open.filter(({ id }) => !tried.has(id));
    const slow = new Set(slowReplicas(fresh.map(({ pace }) => pace.at(nowMs))).map((at) => fresh[at]));
    const lively = fresh.filter((replica) => !replica.silence.tooLong(nowMs) && !slow.has(replica));
    // Silence and slowness are reasons to prefer others, and none to turn anybody away.
    for (const replicas of [lively, fresh, open]) {
      const found = this.#among(replicas, asking);
      if (found) return found;
    }
    return undefined;
  }

  /** Percent of the requests that a revision gets; undefined without weights. */
  weight(revision: string): number | undefined {
    return weightOf(revision, this.#spread.weights);
  }

  take(replica: Replica): void {
    replica.inFlight += 1;
    replica.askedLast = this.#asked += 1;
    replica.health.asked(this.#clock.nowMs());
  }

  /** Ends a request of `take`. */
  release(replica: Replica, outcome: Outcome, sentMs: number): void {
    replica.inFlight -= 1;
    if (replica.inFlight === 0) this.#leaving.delete(replica);
    const nowMs = this.#clock.nowMs();
    replica.health.learn(outcome, { sentMs, nowMs, expendable: this.#expendable(replica, nowMs) }, this.#rng);
  }

  #takingRequests(): Replica[] {
    const { weights, header } = this.#spread;
    return this.#replicas.filter((replica) => !replica.draining && mayAnswer(replica, weights, header));
  }

  get #routing(): NonNullable<PoolConfig['routing']> {
    return this.#spread.routing ?? routingDefault;
  }

  #arrived(id: string): Omit<Replica, 'url' | 'revision' | 'draining' | 'concurrency'> {
    return {
      id,
      hash: hashText(id, 0, id.length),
      inFlight: 0,
      weight: 1,
      askedLast: 0,
      sinceMs: this.#heardOf ? this.#clock.nowMs() : -Infinity,
      health: new Health(),
      silence: new Silence(),
      pace: new Pace(),
    };
  }

  #among(replicas: readonly Replica[], { ticket, header, key }: Asking): Replica | undefined {
    const { loadFactor } = this.#routing;
    const asked = askedFor(this.#spread.header, header);
    const named = asked === undefined ? [] : replicas.filter(({ revision }) => revision === asked);
    const own = chooseReplica(named, { key, loadFactor });
    if (own) return own;
    for (const arm of drawArms(armsOf(replicas, this.#spread.weights), ticket)) {
      const found = chooseReplica(arm.replicas, { key, loadFactor });
      if (found) return found;
    }
    return undefined;
  }

  /** Would at least half of the replicas be left without it? */
  #expendable(replica: Replica, nowMs: number): boolean {
    const { ready } = this;
    const others = ready.filter((other) => other !== replica && other.health.open(nowMs));
    return others.length >= 1 && others.length >= ready.length / 2;
  }
}

/** Addresses are given with and without what OpenAI's clients call the base path. */
const baseOf = (url: string): string => url.replace(/\/+$/, '').replace(/\/v1$/, '');
