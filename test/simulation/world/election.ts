import { heldSpec, isHeldByOther, observe, releasedSpec, type Observed } from '@qwenfleet/kube/lease/decide';
import { only, type Api } from './api.ts';
import { versionOf } from './objects.ts';

/** The real numbers of kube/lease/election.ts. */
export const leaseMs = 15_000;
const renewMs = 10_000;
export const retryMs = 2_000;

/** How a process asks the API server: the request arrives whatever becomes of the process, and the answer may not. */
export type Send = <T>(
  request: () => T | undefined,
  answered: (answer: T | undefined, failed: boolean) => void,
) => void;

/** One process's part in the election, by the real decisions on a lease. */
export class Election {
  leading = false;
  #observed: Observed | undefined;
  #renewedMs = -Infinity;
  #asking = false;
  readonly #identity: string;
  readonly #api: Api;
  readonly #send: Send;

  constructor(identity: string, api: Api, send: Send) {
    this.#identity = identity;
    this.#api = api;
    this.#send = send;
  }

  /** May it still write, by its own clock? */
  holds(nowMs: number): boolean {
    return this.leading && nowMs < this.#renewedMs + renewMs;
  }

  /** Takes the lease or renews it. `stamp` is what the process's calendar says. */
  turn(nowMs: number, stamp: string): void {
    if (this.#asking) return;
    const lease = this.#api.get('lease', only);
    this.#observed = observe(this.#observed, lease?.body ?? {}, nowMs);
    if (isHeldByOther(this.#observed, this.#identity, nowMs)) return;
    const spec = heldSpec(this.#observed.spec, { identity: this.#identity, leaseMs }, stamp);
    const basis = versionOf(lease);
    this.#asking = true;
    this.#send(
      () => this.#api.write('lease', only, spec, { by: this.#identity, basis }),
      (answer) => {
        this.#asking = false;
        if (!answer) return;
        this.leading = true;
        this.#renewedMs = nowMs;
      },
    );
  }

  /** Hands the lease on, as a process that ends in peace does. */
  release(stamp: string): void {
    const lease = this.#api.get('lease', only);
    if (!this.leading || lease?.body.holderIdentity !== this.#identity) return;
    this.#api.write('lease', only, releasedSpec(lease.body, stamp), { by: this.#identity, basis: versionOf(lease) });
  }
}
