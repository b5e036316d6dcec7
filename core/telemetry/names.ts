/** Every metric of the fleet: name, kind, help, labels. Code refers to the key, so a name is written once. */
export const metrics = {
  routerRequests: {
    name: 'qwenfleet_router_requests_total',
    kind: 'counter',
    help: 'Requests answered, by pool, route and status.',
    labels: ['pool', 'route', 'status'],
  },
  routerRefusals: {
    name: 'qwenfleet_router_refusals_total',
    kind: 'counter',
    help: 'Requests refused before a pool had them, by route, code of the error and status.',
    labels: ['route', 'code', 'status'],
  },
  routerRequestSeconds: {
    name: 'qwenfleet_router_request_duration_seconds',
    kind: 'histogram',
    help: 'From the first byte of a request to the last of its answer.',
    labels: ['pool', 'route'],
  },
  routerFirstByteSeconds: {
    name: 'qwenfleet_router_time_to_first_byte_seconds',
    kind: 'histogram',
    help: 'From the request to the first byte of its answer.',
    labels: ['pool', 'route'],
  },
  routerOverheadSeconds: {
    name: 'qwenfleet_router_overhead_seconds',
    kind: 'histogram',
    help: 'Time the router itself took before dispatch, holding left out.',
    labels: ['route'],
  },
  routerInFlight: {
    name: 'qwenfleet_router_in_flight',
    kind: 'gauge',
    help: 'Requests sent to a replica and not yet finished.',
    labels: ['pool'],
  },
  routerHeld: {
    name: 'qwenfleet_router_held',
    kind: 'gauge',
    help: 'Requests waiting for a replica.',
    labels: ['pool'],
  },
  routerDecisions: {
    name: 'qwenfleet_router_decisions_total',
    kind: 'counter',
    help: 'Pools chosen for model auto, by pool and reason.',
    labels: ['pool', 'reason'],
  },
  routerRetries: {
    name: 'qwenfleet_router_retries_total',
    kind: 'counter',
    help: 'Attempts after the first, by pool and cause.',
    labels: ['pool', 'cause'],
  },
  routerConfigs: {
    name: 'qwenfleet_router_config_reloads_total',
    kind: 'counter',
    help: 'Configurations that came, by outcome: applied or refused.',
    labels: ['outcome'],
  },
  routerTokens: {
    name: 'qwenfleet_router_tokens_total',
    kind: 'counter',
    help: 'Tokens reported by the pools.',
    labels: ['pool', 'type'],
  },
  runtimeRequests: {
    name: 'qwenfleet_runtime_requests_total',
    kind: 'counter',
    help: 'Requests finished by the runtime, by outcome.',
    labels: ['outcome'],
  },
  runtimeNamedRequests: {
    name: 'qwenfleet_runtime_requests_by_model_total',
    kind: 'counter',
    help: "Requests finished, by the name that was asked for: the model's own or that of an adapter that is loaded.",
    labels: ['model', 'outcome'],
  },
  runtimeNamedTokens: {
    name: 'qwenfleet_runtime_tokens_by_model_total',
    kind: 'counter',
    help: 'Tokens of prompts whose answers began, and of answers that ended, by the same names.',
    labels: ['model', 'type'],
  },
  runtimeAdapters: {
    name: 'qwenfleet_runtime_adapters',
    kind: 'gauge',
    help: 'Adapters with a name (named), and adapters in memory (resident).',
    labels: ['state'],
  },
  runtimeAdapterEvents: {
    name: 'qwenfleet_runtime_adapter_events_total',
    kind: 'counter',
    help: 'Adapters that were given a name (loaded), lost it (unloaded), or were brought into memory (placed).',
    labels: ['event'],
  },
  runtimeRunning: {
    name: 'qwenfleet_runtime_sequences_running',
    kind: 'gauge',
    help: 'Sequences in the engine.',
    labels: [],
  },
  runtimeQueued: {
    name: 'qwenfleet_runtime_sequences_queued',
    kind: 'gauge',
    help: 'Sequences waiting for a slot.',
    labels: [],
  },
  runtimePreemptions: {
    name: 'qwenfleet_runtime_preemptions_total',
    kind: 'counter',
    help: 'Sequences that gave up their slot to one of better priority, to go on later.',
    labels: [],
  },
  runtimeKvTokens: {
    name: 'qwenfleet_runtime_kv_cache_tokens',
    kind: 'gauge',
    help: 'Tokens held in the KV cache.',
    labels: [],
  },
  runtimeTokens: {
    name: 'qwenfleet_runtime_tokens_total',
    kind: 'counter',
    help: 'Tokens computed.',
    labels: ['type'],
  },
  runtimePrefixTokens: {
    name: 'qwenfleet_runtime_prefix_cache_tokens_total',
    kind: 'counter',
    help: 'Prompt tokens of answers that began, by whether they were in the cache already.',
    labels: ['result'],
  },
  runtimeDraftTokens: {
    name: 'qwenfleet_runtime_spec_decode_draft_tokens_total',
    kind: 'counter',
    help: 'Tokens that were guessed and checked in steps of several.',
    labels: [],
  },
  runtimeAcceptedTokens: {
    name: 'qwenfleet_runtime_spec_decode_accepted_tokens_total',
    kind: 'counter',
    help: 'Guessed tokens that were right.',
    labels: [],
  },
  runtimeStepSeconds: {
    name: 'qwenfleet_runtime_step_duration_seconds',
    kind: 'histogram',
    help: 'One run of the model.',
    labels: ['kind'],
  },
  runtimeBatchSize: {
    name: 'qwenfleet_runtime_batch_size',
    kind: 'histogram',
    help: 'Sequences in one decode step.',
    labels: [],
  },
  runtimeFirstTokenSeconds: {
    name: 'qwenfleet_runtime_time_to_first_token_seconds',
    kind: 'histogram',
    help: 'From arrival to the first token.',
    labels: [],
  },
  runtimeTokenSeconds: {
    name: 'qwenfleet_runtime_time_per_output_token_seconds',
    kind: 'histogram',
    help: 'Mean time between tokens of one answer, whatever ended it.',
    labels: [],
  },
  runtimeLoadSeconds: {
    name: 'qwenfleet_runtime_model_load_seconds',
    kind: 'gauge',
    help: 'Time from start to a model that answers.',
    labels: [],
  },
  routerClientTokens: {
    name: 'qwenfleet_router_client_tokens_total',
    kind: 'counter',
    help: 'Tokens reported by the pools, prompts and answers together, by client; only where spec.metrics.clients says so.',
    labels: ['client', 'pool'],
  },
  operatorReplicas: {
    name: 'qwenfleet_operator_replicas',
    kind: 'gauge',
    help: 'Replicas of a pool, by state; wanted is how many there should be.',
    labels: ['pool_namespace', 'pool', 'state'],
  },
  operatorReplicaPrice: {
    name: 'qwenfleet_operator_replica_price_per_hour',
    kind: 'gauge',
    help: 'Price of one replica of a pool for an hour, in the currency of the hardware classes; none where it is not known.',
    labels: ['pool_namespace', 'pool'],
  },
  operatorTokenPrice: {
    name: 'qwenfleet_operator_price_per_million_tokens',
    kind: 'gauge',
    help: 'What the server of an external pool charges for a million tokens; none where it is not known.',
    labels: ['pool_namespace', 'pool'],
  },
  operatorScaleDecisions: {
    name: 'qwenfleet_operator_scale_decisions_total',
    kind: 'counter',
    help: 'Changes of the wanted replicas, by direction.',
    labels: ['pool_namespace', 'pool', 'direction'],
  },
  operatorRestarts: {
    name: 'qwenfleet_operator_restarts_total',
    kind: 'counter',
    help: 'Processes and containers that ended by themselves and were started again, by reason, such as OOMKilled.',
    labels: ['pool_namespace', 'pool', 'reason'],
  },
  // The names below are those of client-go and controller-runtime, so that their dashboards and alerts work here.
  kubeRequests: {
    name: 'rest_client_requests_total',
    kind: 'counter',
    help: 'Requests to the Kubernetes API, by verb and status code; code is error where no answer came.',
    labels: ['verb', 'code'],
  },
  kubeQueueDepth: {
    name: 'workqueue_depth',
    kind: 'gauge',
    help: 'Keys waiting in the work queue.',
    labels: ['name'],
  },
  kubeQueueAdds: {
    name: 'workqueue_adds_total',
    kind: 'counter',
    help: 'Keys added to the work queue.',
    labels: ['name'],
  },
  kubeQueueRetries: {
    name: 'workqueue_retries_total',
    kind: 'counter',
    help: 'Keys added again after a failure.',
    labels: ['name'],
  },
  kubeQueueWaitSeconds: {
    name: 'workqueue_queue_duration_seconds',
    kind: 'histogram',
    help: 'Time a key waited before a worker took it.',
    labels: ['name'],
  },
  kubeQueueWorkSeconds: {
    name: 'workqueue_work_duration_seconds',
    kind: 'histogram',
    help: 'Time a worker spent on a key.',
    labels: ['name'],
  },
  kubeReconciles: {
    name: 'controller_runtime_reconcile_total',
    kind: 'counter',
    help: 'Reconciles, by controller and result: success, requeue, requeue_after or error.',
    labels: ['controller', 'result'],
  },
  kubeTerminalErrors: {
    name: 'controller_runtime_terminal_reconcile_errors_total',
    kind: 'counter',
    help: 'Reconciles that ended in an error which another try would not mend.',
    labels: ['controller'],
  },
  kubeReconcileSeconds: {
    name: 'controller_runtime_reconcile_time_seconds',
    kind: 'histogram',
    help: 'Time of one reconcile.',
    labels: ['controller'],
  },
  kubeLeader: {
    name: 'leader_election_master_status',
    kind: 'gauge',
    help: 'Whether this process leads: 1 or 0.',
    labels: ['name'],
  },
  kubeLastContactSeconds: {
    name: 'reflector_last_contact_seconds',
    kind: 'gauge',
    help: 'Unix time of the last byte from a list or watch.',
    labels: ['name'],
  },
  kubeMissedEvents: {
    name: 'reflector_missed_events_total',
    kind: 'counter',
    help: 'Changes that a relist found and the watch had not told.',
    labels: ['name'],
  },
  kubeRelists: {
    name: 'reflector_relists_total',
    kind: 'counter',
    help: 'Full lists, by reason.',
    labels: ['name', 'reason'],
  },
  kubeMalformedEvents: {
    name: 'reflector_malformed_events_total',
    kind: 'counter',
    help: 'Watch lines that could not be read.',
    labels: ['name'],
  },
  kubeDroppedEvents: {
    name: 'event_recorder_dropped_total',
    kind: 'counter',
    help: 'Kubernetes events that were not written, by cause: rate, full or failed.',
    labels: ['cause'],
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricSpec = {
  name: string;
  kind: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
};
export type MetricKey = keyof typeof metrics;

/** Seconds: from a tenth of a millisecond (router overhead) to two minutes (a long answer). */
export const durationBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
];
/** Sequences: powers of two up to the largest batch. */
export const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];
