import type { Telemetry } from '@qwenfleet/core/telemetry/registry';

/** Pairs of a client and a pool with a series of their own: a thousand clients of two pools each. */
export const clientSeriesMax = 2_000;
/** Whoever comes later is counted together. */
const others = 'others';

/** Counts tokens by client and pool, in a bounded number of series. */
export class ClientTokens {
  readonly #telemetry: Telemetry;
  readonly #known = new Set<string>();

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  add(client: string, pool: string, tokens: number): void {
    const pair = `${client}\n${pool}`;
    const isKnown = this.#known.has(pair) || this.#known.size < clientSeriesMax;
    if (isKnown) this.#known.add(pair);
    this.#telemetry.count('routerClientTokens', { client: isKnown ? client : others, pool }, tokens);
  }
}
