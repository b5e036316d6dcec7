import { FleetError } from '@qwenfleet/core/errors';
import { isGone } from '../client/status-error.ts';
import { MalformedEvent } from './watch-event.ts';

/** How a watch ended: by itself (no error), or with one. */
export type WatchEnd = {
  error: unknown;
  /** Whether anything came, a bookmark included. */
  heard: boolean;
  livedMs: number;
  /** Watches in a row that ended because nothing came. */
  silences: number;
};

export type NextStep = {
  relist?: 'gone' | 'malformed' | 'silent' | 'missed' | 'asked';
  wait: boolean;
  askedMs: number;
};

/** The reflector ended the watch: nothing came, not even the bookmark that is due each minute. */
export class SilentWatch extends FleetError {
  constructor(silentMs: number) {
    super('upstream_timeout', `The watch was silent for ${Math.round(silentMs / 1000)} s.`);
  }
}

/** The reflector ended the watch: a relist found changes that it had not told. */
export class DeafWatch extends FleetError {
  constructor(missed: number) {
    super('upstream_failed', `The watch had not told of ${missed} changes.`);
  }
}

/** Somebody wants a list now, see `Reflector.refresh`. */
export class OvertakenWatch extends FleetError {
  constructor() {
    super('cancelled', 'The watch was ended for a new list.');
  }
}

/** A server that ends watches at once would otherwise be asked without a pause. */
const shortMs = 1_000;
/** A version from a time that the server no longer knows (restored from a backup) is silent for ever. */
const silencesMax = 2;

/** What to do after a watch: everything but 410, malformed lines and lasting silence resumes where it was. */
export function afterWatch({ error, heard, livedMs, silences }: WatchEnd): NextStep {
  const askedMs = error instanceof FleetError ? (error.retryAfterMs ?? 0) : 0;
  const short = !heard && livedMs < shortMs;
  if (error === undefined) return { wait: short, askedMs };
  if (isGone(error)) return { relist: 'gone', wait: short, askedMs };
  if (error instanceof MalformedEvent) return { relist: 'malformed', wait: true, askedMs };
  if (error instanceof OvertakenWatch) return { relist: 'asked', wait: false, askedMs };
  if (error instanceof DeafWatch) return { relist: 'missed', wait: false, askedMs };
  if (error instanceof SilentWatch && silences >= silencesMax) return { relist: 'silent', wait: true, askedMs };
  return { wait: true, askedMs };
}
