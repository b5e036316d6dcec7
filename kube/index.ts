/** What this package offers. Inside the house its files are imported one by one. */
export { KubeClient, pageItems } from './client/client.ts';
export type { Fence } from './client/fence.ts';
export type * from './client/options.ts';
export { getScale, setScale, type Scale } from './client/scale.ts';
export {
  conflictingManagers,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  StatusError,
} from './client/status-error.ts';
export type { TransportOptions } from './client/transport.ts';
export { userAgentOf } from './client/user-agent.ts';
export { connect, type Connection } from './connection/connection.ts';
export type { CredentialSource } from './connection/credentials.ts';
export { Controller, type ControllerOptions, type Reconcile } from './controller/controller.ts';
export { TerminalError, type ReconcileResult } from './controller/outcome.ts';
export { changesOf, ofSpec, ownerKeys, type KeysOf, type Source } from './controller/source.ts';
export { Discovery } from './discovery/discovery.ts';
export { systemEnvironment, type Environment } from './environment.ts';
export { events, type Event, type Occurrence } from './events/event.ts';
export { EventRecorder, type RecorderOptions } from './events/recorder.ts';
export { finalize, type FinalizeOptions } from './finalizer/finalize.ts';
export { addFinalizer, hasFinalizer, removeFinalizer } from './finalizer/finalizer.ts';
export * from './kinds.ts';
export { LeaderElection, type ElectionOptions } from './lease/election.ts';
export { leaseApi, leases, type Lease, type LeaseApi } from './lease/lease.ts';
export * from './object.ts';
export { WorkQueue } from './queue/work-queue.ts';
export { byLabel, byOwnerUid } from './reflector/indexers.ts';
export { listWatch, type ListWatch } from './reflector/list-watch.ts';
export { Reflector, type Handler, type ReflectorOptions } from './reflector/reflector.ts';
export type { Cache, Change, Indexer } from './reflector/store.ts';
export { resource, resourceOf, resourcePath, type Resource } from './resource.ts';
