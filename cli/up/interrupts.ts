/** Ctrl-C in a terminal, `kill`, and a terminal that is closed. */
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type Interrupts = {
  /** Aborts at the first request to stop. */
  readonly asked: AbortSignal;
  /** Called at the second one. */
  onAgain: (act: () => void) => void;
  dispose: () => void;
};

type Source = Pick<NodeJS.Process, 'on' | 'off'>;

/** Counts the requests to stop, whichever signals they come as. */
export function watchInterrupts(source: Source = process): Interrupts {
  const first = new AbortController();
  let again: (() => void) | undefined;
  const onSignal = (): void => {
    if (!first.signal.aborted) first.abort(new DOMException('Stopped by a signal.', 'AbortError'));
    else again?.();
  };
  for (const signal of stopSignals) source.on(signal, onSignal);
  return {
    asked: first.signal,
    onAgain: (act) => (again = act),
    dispose: () => {
      for (const signal of stopSignals) source.off(signal, onSignal);
    },
  };
}

/** Resolves when the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
