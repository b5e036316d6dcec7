/** What a router of the bench is told, and what it says. */
export type RouterAsked = {
  upstream: string;
  /** False: every counter and histogram is left as it is. */
  metrics: boolean;
  tracing?: { endpoint: string; sampleRatio: number } | undefined;
  pools: number;
  keys: number;
};
export type RouterSaid = { url: string } | { cpuMs: number };

export const keyOf = (index: number): string => `sk-bench-${index}`;
export const poolOf = (index: number): string => `pool-${index}`;
