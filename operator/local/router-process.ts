import { readFileSync } from 'node:fs';
import path from 'node:path';
import { backoffMs } from '@qwenfleet/core/backoff';
import type { Clock } from '@qwenfleet/core/clock';
import type { FromChild } from '@qwenfleet/core/fleet/channel';
import type { EndpointSnapshot } from '@qwenfleet/core/fleet/endpoints';
import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { Child } from './child.ts';

const restartBackoff = { baseMs: 200, maxMs: 5_000, factor: 2 };
/** A router that has ended so often and never listened is broken: whoever waits for its address is told. */
const startsMax = 3;

export type RouterOptions = {
  entry: string;
  stateDir: string;
  config: RouterConfig;
  clock: Clock;
  rng: Rng;
  log: Logger;
  snapshot: () => EndpointSnapshot;
  onMessage: (message: FromChild) => void;
  onGone: () => void;
};

/** The router's process: told its configuration and its endpoints, started again on the same port when it ends. */
export class RouterProcess {
  readonly #options: RouterOptions;
  readonly #ending = new AbortController();
  #child: Child | undefined;
  #config: RouterConfig;
  #url: string | undefined;
  #failures = 0;
  #firstUrl = Promise.withResolvers<string>();
  restarts = 0;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#config = options.config;
    // Whoever waits for the address hears of the failure; nobody else needs to.
    this.#firstUrl.promise.catch(() => undefined);
    this.#start();
  }

  /** Undefined while it is not there. */
  get url(): string | undefined {
    return this.#url;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves once it listens. Rejects with what it says when it cannot. */
  listening(): Promise<string> {
    return this.#firstUrl.promise;
  }

  publish(): void {
    this.#child?.send({ type: 'endpoints', snapshot: this.#options.snapshot() });
  }

  async stop(withinMs: number): Promise<void> {
    this.#ending.abort();
    await this.#child?.stop(withinMs);
  }

  kill(): void {
    this.#ending.abort();
    this.#child?.kill();
  }

  get #logFile(): string {
    return path.join(this.#options.stateDir, 'logs', 'router.log');
  }

  #start(): void {
    this.#child = new Child({
      entry: this.#options.entry,
      args: [],
      logFile: this.#logFile,
      onMessage: (message) => this.#hear(message),
      onExit: ({ code, signal }) => void this.#ended(signal ?? `exit code ${code}`),
    });
    this.#child.send({ type: 'config', config: this.#config });
    this.publish();
  }

  #hear(message: FromChild): void {
    if (message.type === 'listening') {
      this.#url = message.url;
      this.#failures = 0;
      // A port that the kernel chose is kept: clients know it by now.
      const port = Number(new URL(message.url).port);
      this.#config = { ...this.#config, listen: { ...this.#config.listen, port } };
      this.#firstUrl.resolve(message.url);
    }
    if (message.type === 'failed') this.#firstUrl.reject(new Error(message.message));
    this.#options.onMessage(message);
  }

  async #ended(how: string): Promise<void> {
    this.#url = undefined;
    if (this.#ending.signal.aborted) return;
    const { log, onGone, clock, rng } = this.#options;
    log.warn({ how }, 'the router ended by itself');
    this.restarts += 1;
    onGone();
    if (this.restarts >= startsMax) this.#firstUrl.reject(neverListened(this.restarts, how, this.#logFile));
    const waitMs = this.#failures === 0 ? 0 : backoffMs(restartBackoff, this.#failures - 1, rng);
    this.#failures += 1;
    try {
      await clock.sleep(waitMs, this.#ending.signal);
    } catch {
      return;
    }
    this.#start();
  }
}

/** Once it has listened nobody waits any more, and this goes unheard. */
function neverListened(times: number, how: string, logFile: string): Error {
  const complaint = readFileSync(logFile, 'utf8')
    .split('\n')
    .findLast((line) => /error/i.test(line));
  const why = complaint === undefined ? '' : `: ${complaint.trim()}`;
  return new Error(`the router ended ${times} times before it listened (${how})${why}`);
}
