import { systemClock, type Clock } from '@qwenfleet/core/clock';
import { silentLogger, type Logger } from '@qwenfleet/core/log';
import { randomSeed, seededRng, type Rng } from '@qwenfleet/core/rng';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';

/** What everything here runs in: time, chance, a log, and metrics (owner `kube`) where somebody wants them. */
export type Environment = { clock: Clock; rng: Rng; log: Logger; telemetry?: Telemetry | undefined };

/** The real thing, with whatever the caller has of its own. */
export const systemEnvironment = (own: Partial<Environment> = {}): Environment => ({
  clock: systemClock,
  rng: seededRng(randomSeed()),
  log: silentLogger,
  ...own,
});
