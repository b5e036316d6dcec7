import { describeError, FleetError } from '@qwenfleet/core/errors';
import type { KubeClient } from '../client/client.ts';
import { isAlreadyExists, isNotFound } from '../client/status-error.ts';
import type { Environment } from '../environment.ts';
import { microTime } from '../time.ts';
import { slept } from '../time-limit.ts';
import { TokenBucket, type Rate } from '../token-bucket.ts';
import { events, newEvent, remembered, seriesKey, type Occurrence, type Series } from './event.ts';

export type RecorderOptions = {
  client: KubeClient;
  /** Such as `qwenfleet.io/operator`. */
  controller: string;
  /** Such as the pod's name. */
  instance: string;
  /** Writes of one series. What comes faster is counted, and told with the next write. */
  rate?: Rate;
  /** Series that are remembered; the one that was quiet longest is forgotten. */
  seriesMax?: number;
  /** Series that wait to be written; more are dropped. */
  waitingMax?: number;
  /** A series that was quiet so long is over: the next occurrence is a new event. */
  quietMs?: number;
};

/** client-go's numbers: 25 at once, then one each five minutes; a series ends after six quiet minutes. */
const defaults = {
  rate: { perSecond: 1 / 300, burst: 25 },
  seriesMax: 1_000,
  waitingMax: 1_000,
  quietMs: 360_000,
};

type Entry = {
  first: Occurrence;
  bucket: TokenBucket;
  /** Where the API server has it, once it does. */
  event: { name: string; namespace: string | undefined } | undefined;
  count: number;
  countWritten: number;
  lastMs: number;
};

/**
 * Tells people what was done, in `kubectl describe`. Never blocks and never throws: events are a courtesy, and the
 * first to go when there is too much of anything.
 *
 *     recorder.record({ regarding: widget, type: 'Normal', reason: 'ScaledUp', action: 'Scale', note: 'to 3 replicas' });
 */
export class EventRecorder {
  readonly #options: Required<RecorderOptions>;
  readonly #environment: Environment;
  readonly #series = new Map<string, Entry>();
  readonly #waiting = new Set<Entry>();
  readonly #stopping = new AbortController();
  #writing: Promise<void> | undefined;

  constructor(options: RecorderOptions, environment: Environment) {
    this.#options = { ...defaults, ...options };
    this.#environment = environment;
  }

  record(occurrence: Occurrence): void {
    if (this.#stopping.signal.aborted) return;
    const entry = this.#entryOf(occurrence);
    entry.count += 1;
    entry.lastMs = this.#environment.clock.nowMs();
    if (!entry.bucket.tryTake()) this.#drop('rate');
    else this.#enqueue(entry);
  }

  /** Writes what is left, counts that were held back included, but no longer than `withinMs`. */
  async stop(withinMs = 5_000): Promise<void> {
    for (const entry of this.#series.values()) if (entry.count > entry.countWritten) this.#enqueue(entry);
    const done = new AbortController();
    const late = slept(this.#environment.clock, withinMs, done.signal);
    await Promise.race([this.#writing ?? Promise.resolve(), late]);
    done.abort();
    this.#stopping.abort(new FleetError('shutting_down', 'The event recorder has stopped.'));
    await this.#writing;
  }

  #entryOf(occurrence: Occurrence): Entry {
    const { clock } = this.#environment;
    const { quietMs, seriesMax, rate } = this.#options;
    const key = seriesKey(occurrence);
    const known = this.#series.get(key);
    const over = known !== undefined && clock.nowMs() - known.lastMs > quietMs;
    // The bucket outlives the series: else six quiet minutes would buy 25 events.
    const bucket = known?.bucket ?? new TokenBucket(clock, rate);
    const first = remembered(occurrence);
    const fresh: Entry = { first, bucket, event: undefined, count: 0, countWritten: 0, lastMs: 0 };
    const entry = known === undefined || over ? fresh : known;
    // Set anew, so that the map stays in the order of last use.
    this.#series.delete(key);
    this.#series.set(key, entry);
    const [oldest] = this.#series.keys();
    if (this.#series.size > seriesMax && oldest !== undefined) this.#series.delete(oldest);
    return entry;
  }

  #enqueue(entry: Entry): void {
    if (this.#waiting.has(entry)) return;
    if (this.#waiting.size >= this.#options.waitingMax) return this.#drop('full');
    this.#waiting.add(entry);
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined));
  }

  async #writeAll(): Promise<void> {
    for (const entry of this.#waiting) {
      this.#waiting.delete(entry);
      if (this.#stopping.signal.aborted) return;
      const count = entry.count;
      try {
        await this.#write(entry);
        entry.countWritten = count;
      } catch (error) {
        this.#drop('failed');
        this.#environment.log.warn(
          { error: describeError(error), reason: entry.first.reason },
          'an event was not written',
        );
      }
    }
  }

  async #write(entry: Entry): Promise<void> {
    if (!entry.event) return this.#create(entry);
    const merge = { series: this.#seriesOf(entry) };
    const { signal } = this.#stopping;
    try {
      await this.#options.client.patch(events, entry.event, { merge }, { signal });
    } catch (error) {
      // The server keeps events for an hour.
      if (!isNotFound(error)) throw error;
      await this.#create(entry);
    }
  }

  async #create(entry: Entry): Promise<void> {
    const { clock, rng } = this.#environment;
    const { client, controller, instance } = this.#options;
    const random = Math.floor(rng() * 0x1_0000_0000).toString(16);
    const suffix = `${Math.floor(clock.epochMs()).toString(16)}${random.padStart(8, '0')}`;
    const single = newEvent(entry.first, { suffix, time: microTime(clock.epochMs()), controller, instance });
    const event = entry.count > 1 ? { ...single, series: this.#seriesOf(entry) } : single;
    try {
      await client.create(events, event, { signal: this.#stopping.signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    entry.event = { name: event.metadata.name, namespace: event.metadata.namespace };
  }

  #seriesOf({ count }: Entry): Series {
    return { count, lastObservedTime: microTime(this.#environment.clock.epochMs()) };
  }

  #drop(cause: 'rate' | 'full' | 'failed'): void {
    this.#environment.telemetry?.count('kubeDroppedEvents', { cause });
  }
}
