// NODE_OPTIONS=--import=.../request-tap.ts: every process of a fleet loads it, and a runtime then writes down what comes
// and goes, as its own HTTP server sees it. Nothing in the process is changed.
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';

/** What a runtime saw, and when: milliseconds since 1970 by its monotonic clock, to be compared within one machine. */
export type TapEvent = {
  /** It can answer, a request's headers came, the last byte of an answer was written. */
  what: 'ready' | 'came' | 'left';
  /** The request's id; empty for `ready`. */
  id: string;
  atMs: number;
};

/** Where a process writes its events, one JSON a line. */
const tapVariable = 'QWENFLEET_TEST_TAP';

/** The environment of a fleet whose runtimes are to be looked at. */
export const tapEnvironment = (file: string): Record<string, string> => ({
  NODE_OPTIONS: `--import=${import.meta.filename}`,
  [tapVariable]: file,
});

/** In the order in which they happened, where one runtime wrote at a time. */
export function readTap(file: string): TapEvent[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // Written below.
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as TapEvent);
}

export const epochMs = (): number => performance.timeOrigin + performance.now();

const file = process.env[tapVariable];
if (file !== undefined && process.argv[1]?.endsWith('runtime/main.ts')) {
  const write = (what: TapEvent['what'], id = ''): void =>
    appendFileSync(file, `${JSON.stringify({ what, id, atMs: epochMs() } satisfies TapEvent)}\n`);
  const watch = (channel: string, what: 'came' | 'left'): void =>
    subscribe(channel, (message) => {
      // The shape that Node documents for its own channels.
      const { request } = message as { request: IncomingMessage };
      if (request.method === 'POST') write(what, String(request.headers['x-request-id'] ?? ''));
    });
  watch('http.server.request.start', 'came');
  watch('http.server.response.finish', 'left');
  const send = process.send?.bind(process);
  if (send) {
    process.send = (message: { type?: string }, ...rest: unknown[]): boolean => {
      if (message.type === 'ready') write('ready');
      return (send as (...all: unknown[]) => boolean)(message, ...rest);
    };
  }
}
