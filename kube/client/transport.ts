import type { Connection } from '../connection/connection.ts';
import type { Environment } from '../environment.ts';
import { TokenBucket, type Rate } from '../token-bucket.ts';
import { wrapped, type Send, type Wrap } from './call.ts';
import type { Fence } from './fence.ts';
import { httpSend, httpStream, type OnAnswer } from './http.ts';
import { fenced, rateLimited, reauthenticated, retried, within } from './wraps.ts';

export type TransportOptions = {
  connection: Connection;
  /** Of writes. Knative found a low limit to be what slows an operator down, so it is an option. */
  writes?: Rate;
  /** For one call with its retries; waiting for a turn to write is left out. */
  callMs?: number;
  /** For one attempt. */
  attemptMs?: number;
  /** Who asks, see `userAgentOf`. */
  userAgent?: string | undefined;
};

const defaults = { writes: { perSecond: 20, burst: 40 }, callMs: 60_000, attemptMs: 30_000, userAgent: undefined };

/** Calls over one connection, with everything that holds for all of them. */
export class Transport {
  /** One answer, read whole. */
  readonly send: Send;
  /** A stream; only its beginning has a deadline. */
  readonly stream: Send<AsyncIterable<Uint8Array>>;
  readonly #options: Required<TransportOptions>;
  readonly #environment: Environment;
  readonly #bucket: TokenBucket;

  constructor(
    options: TransportOptions,
    environment: Environment,
    shared: { bucket?: TokenBucket; fence?: Fence } = {},
  ) {
    this.#options = { ...defaults, ...options };
    this.#environment = environment;
    const { connection, callMs, attemptMs, writes, userAgent } = this.#options;
    const { clock, telemetry } = environment;
    this.#bucket = shared.bucket ?? new TokenBucket(clock, writes);
    const attempt: Wrap[] = [
      reauthenticated(() => connection.renew()),
      within(attemptMs, clock),
      // The fence is asked after every wait, just before the request leaves.
      ...(shared.fence ? [fenced(shared.fence, clock)] : []),
    ];
    const call = [rateLimited(this.#bucket, clock), within(callMs, clock), retried(environment)];
    const onAnswer: OnAnswer = ({ verb }, code) => telemetry?.count('kubeRequests', { verb, code });
    const wire = { connection, onAnswer, userAgent };
    this.send = wrapped(httpSend(wire), [...call, ...attempt]);
    this.stream = wrapped(httpStream(wire), attempt);
  }

  withFence(fence: Fence): Transport {
    return new Transport(this.#options, this.#environment, { bucket: this.#bucket, fence });
  }
}
