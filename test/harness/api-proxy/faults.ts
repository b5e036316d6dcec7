/** A request as the proxy sees it. */
export type ProxyRequest = { method: string; path: string; query: URLSearchParams; isWatch: boolean; atMs: number };

/** What happens to a request instead of, or before, its way to the server. */
export type Fault =
  /** An answer that the server did not give, such as 429 with Retry-After, or 500. */
  | { kind: 'answer'; status: number; retryAfterSeconds?: number; reason?: string }
  /** The connection breaks. */
  | { kind: 'reset' }
  /** The connection is accepted, and nothing is ever answered or forwarded. */
  | { kind: 'hang' }
  | { kind: 'delay'; ms: number };

export type Rule = { fault: Fault; when: (request: ProxyRequest) => boolean; timesLeft: number };

/** Faults in the order they were asked for; each meets the requests it is for, as often as it may. */
export class Faults {
  #rules: Rule[] = [];

  /** Returns a function that takes the fault away again. */
  add(fault: Fault, { when = () => true, times = Infinity }: { when?: Rule['when']; times?: number } = {}): () => void {
    const rule: Rule = { fault, when, timesLeft: times };
    this.#rules.push(rule);
    return () => (this.#rules = this.#rules.filter((other) => other !== rule));
  }

  /** The fault that this request meets, which uses up one of its times. */
  take(request: ProxyRequest): Fault | undefined {
    const rule = this.#rules.find(({ when, timesLeft }) => timesLeft > 0 && when(request));
    if (!rule) return undefined;
    rule.timesLeft -= 1;
    return rule.fault;
  }

  clear(): void {
    this.#rules = [];
  }
}
