import type { Clock } from '@qwenfleet/core/clock';
import type { AdapterReference, ModelReference } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { LoadedModelStatus, RuntimeStatus } from '@qwenfleet/core/load/status';
import type { Logger } from '@qwenfleet/core/log';
import type { Tracer } from '@qwenfleet/core/telemetry/span';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { Outcome, Ticket } from '../resident.ts';
import type { Call } from './call.ts';

/** The runtime as its routes see it. */
export type RuntimeService = {
  readonly servedName: string;
  readonly bodyBytesMax: number;
  /** Hex digest of the token that opens /admin to others than this machine. */
  readonly adminTokenSha256: string | undefined;
  readonly telemetry: Telemetry;
  readonly log: Logger;
  readonly startedEpochMs: number;
  /**
   * The model, held until the ticket ends. Throws `model_loading` or `shutting_down` while there is none to serve.
   * @param name the model's own or an adapter's: what the request is counted under
   */
  admit(name: string): Ticket;
  report(): LoadReport;
  /** The model that answers now. */
  readonly loaded: LoadedModelStatus | undefined;
  status(): RuntimeStatus;
  /** Throws when only a restart would help. */
  assertLive(): void;
  /** Exercises the engine. Throws when it does not turn. */
  assertReady(): Promise<void>;
  drain(): void;
  /** Throws `conflict` when there cannot be an update now. */
  update(model: ModelReference, options?: { sameShape?: boolean }): void;
  /** Names of adapters, which may be asked for as models. */
  readonly adapterNames: readonly string[];
  /** Throws `unsupported` where there is no memory for adapters, `conflict` when not now, and what loading one does. */
  loadAdapter(adapter: AdapterReference): Promise<void>;
  /** What runs with it goes on to its end. Throws `model_not_found` when there is none of this name. */
  unloadAdapter(name: string): void;
  readonly clock: Clock;
  readonly tracer: Tracer;
  newCall(): Pick<Call, 'created' | 'seed'>;
  /** A request has ended that was never admitted. */
  finished(outcome: Outcome, name?: string): void;
};
