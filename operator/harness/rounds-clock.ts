import { ManualClock } from '@qwenfleet/core/clock';

/** Tells how many rounds of a poller have ended: it sleeps for a second after each. */
export class RoundsClock extends ManualClock {
  rounds = 0;

  override sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs === 1_000) this.rounds += 1;
    return super.sleep(delayMs, signal);
  }
}
