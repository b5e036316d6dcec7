import type { Clock } from '@qwenfleet/core/clock';
import type { KubeObject } from '../object.ts';
import { slept } from '../time-limit.ts';
import { SilentWatch } from './after-watch.ts';
import type { ListWatch } from './list-watch.ts';
import { readWatchEvent, type WatchEvent } from './watch-event.ts';

export type WatchSessionOptions<T extends KubeObject> = {
  source: ListWatch<T>;
  from: { resourceVersion: string; timeoutSeconds: number };
  /** Ends the watch when nothing came for so long. */
  deadPeerMs: number;
  clock: Clock;
  /** Ends the watch. */
  signal: AbortSignal;
  onEvent: (event: WatchEvent<T>) => void;
};

/** One watch, from its request to its end. */
export class WatchSession<T extends KubeObject> {
  readonly #options: WatchSessionOptions<T>;
  readonly #over = new AbortController();
  #heardMs: number;
  #heard = false;

  constructor(options: WatchSessionOptions<T>) {
    this.#options = options;
    this.#heardMs = options.clock.nowMs();
  }

  /** Ends the watch with this error. */
  end(error: Error): void {
    this.#over.abort(error);
  }

  /** Resolves when the watch has ended: by itself, or with an error. */
  async run(): Promise<{ error: unknown; heard: boolean; livedMs: number }> {
    const { source, from, clock, signal, onEvent } = this.#options;
    const startedMs = clock.nowMs();
    const done = new AbortController();
    void this.#endWhenSilent(done.signal);
    let error: unknown;
    try {
      for await (const line of source.watch(from, AbortSignal.any([signal, this.#over.signal]))) {
        this.#heard = true;
        this.#heardMs = clock.nowMs();
        onEvent(readWatchEvent(source.resource, line));
      }
    } catch (thrown) {
      error = thrown;
    } finally {
      done.abort();
    }
    return { error, heard: this.#heard, livedMs: clock.nowMs() - startedMs };
  }

  async #endWhenSilent(done: AbortSignal): Promise<void> {
    const { clock, deadPeerMs } = this.#options;
    for (;;) {
      const silentMs = clock.nowMs() - this.#heardMs;
      if (silentMs >= deadPeerMs) return this.end(new SilentWatch(silentMs));
      if (!(await slept(clock, deadPeerMs - silentMs, done))) return;
    }
  }
}
