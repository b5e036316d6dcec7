import { Agent, type Dispatcher } from 'undici';

/** Connections to pools: kept alive, one request each at a time, and as many as there are requests. */
export class UpstreamAgent {
  #connectMs: number;
  #agent: Agent;

  constructor(connectMs: number) {
    this.#connectMs = connectMs;
    this.#agent = create(connectMs);
  }

  /** For one attempt: after a change the next attempt gets another. */
  get current(): Dispatcher {
    return this.#agent;
  }

  /** New attempts connect within the new time; connections that carry an answer stay until it has ended. */
  configure(connectMs: number): void {
    if (connectMs === this.#connectMs) return;
    const old = this.#agent;
    this.#connectMs = connectMs;
    this.#agent = create(connectMs);
    void old.close();
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Other limits of time are given with each request. */
const create = (connectMs: number): Agent =>
  new Agent({ connect: { timeout: connectMs }, connections: null, pipelining: 1 });
