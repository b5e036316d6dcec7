import type { Clock } from '@qwenfleet/core/clock';
import { routerLoadSchema, type PoolLoad } from '@qwenfleet/core/load/pool-report';
import type { Logger } from '@qwenfleet/core/log';
import { request, type Dispatcher } from 'undici';
import type { RouterReport } from './router-report.ts';

/** How often each router is asked. The scaler's panic window is six seconds: this leaves it several samples. */
const everyMs = 1_000;
const timeoutMs = 800;
/** A router that has not answered for this long is silent, not slow. */
const staleMs = 5_000;
const bodyBytesMax = 4 * 1024 * 1024;

/** One router pod. */
export type RouterAddress = { id: string; url: string };

type Heard = { atMs: number; report: Report };

export type PollerParts = {
  /** The routers of each QwenRouter by its key, as they are now. */
  routers: () => ReadonlyMap<string, readonly RouterAddress[]>;
  agent: Dispatcher;
  clock: Clock;
  log: Logger;
  /** The load of these pools changed, at any router of a QwenRouter. */
  onLoad: (routerKey: string, pools: readonly string[]) => void;
  /** A router knows other pools than before. */
  onPools: (routerKey: string) => void;
};

/** Asks every router for its load, once a second, and remembers the last answers. */
export class LoadPoller {
  readonly #parts: PollerParts;
  readonly #heard = new Map<string, Heard>();

  constructor(parts: PollerParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#round(signal);
      await this.#parts.clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  /** The last report of each router of a QwenRouter; undefined for those that are silent. */
  reports(routerKey: string): RouterReport[] {
    return this.#fresh(routerKey).map((heard) => heard?.report);
  }

  #fresh(routerKey: string): (Heard | undefined)[] {
    const nowMs = this.#parts.clock.nowMs();
    return (this.#parts.routers().get(routerKey) ?? []).map(({ id }) => {
      const heard = this.#heard.get(id);
      return heard && nowMs - heard.atMs <= staleMs ? heard : undefined;
    });
  }

  async #round(signal: AbortSignal): Promise<void> {
    const routers = this.#parts.routers();
    const present = new Set([...routers.values()].flat().map(({ id }) => id));
    for (const id of this.#heard.keys()) if (!present.has(id)) this.#heard.delete(id);
    await Promise.all(
      [...routers].map(async ([key, addresses]) => {
        const changes = await Promise.all(addresses.map((address) => this.#ask(address, signal)));
        const loaded = new Set(changes.flatMap(({ load }) => load));
        if (changes.some(({ pools }) => pools)) this.#parts.onPools(key);
        else if (loaded.size > 0) this.#parts.onLoad(key, [...loaded]);
      }),
    );
  }

  async #ask({ id, url }: RouterAddress, signal: AbortSignal): Promise<Change> {
    const before = this.#heard.get(id)?.report ?? {};
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const { statusCode, body } = await request(`${url}/load`, { dispatcher: this.#parts.agent, signal: limit });
      const text = await body.text();
      if (statusCode !== 200 || text.length > bodyBytesMax) return unchanged;
      const { pools } = routerLoadSchema.parse(JSON.parse(text));
      this.#heard.set(id, { atMs: this.#parts.clock.nowMs(), report: pools });
      return changeOf(before, pools);
    } catch (error) {
      this.#parts.log.debug({ router: id, err: error }, 'a router does not report its load');
      return unchanged;
    }
  }
}

type Report = NonNullable<RouterReport>;

/** What a report says that the one before did not: pools whose load is another, and whether it has other pools. */
type Change = { load: readonly string[]; pools: boolean };
const unchanged: Change = { load: [], pools: false };

function changeOf(before: Report, after: Report): Change {
  const names = Object.keys(after);
  const pools = names.length !== Object.keys(before).length || names.some((name) => !(name in before));
  return { load: names.filter((name) => counts(before[name]) !== counts(after[name])), pools };
}

/** Everything but idle times, which change by themselves. */
const counts = (load: PoolLoad | undefined): string => JSON.stringify({ ...load, idleMs: undefined });
