/** Whether this process may write, as its leader election sees it. */
export interface Fence {
  /** Milliseconds for which it may still write, by the monotonic clock; zero or less when it must not. */
  leftMs(): number;
  /** Aborts when the right to write is lost. */
  readonly signal: AbortSignal;
}
