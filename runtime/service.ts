import type { Clock } from '@qwenfleet/core/clock';
import { FleetError, asFleetError, describeError } from '@qwenfleet/core/errors';
import type { AdapterReference, ModelReference, RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { LoadedModelStatus, RuntimeStatus } from '@qwenfleet/core/load/status';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { noTracer, type Tracer } from '@qwenfleet/core/telemetry/span';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { Adapters } from './adapters/adapters.ts';
import type { LoadProgress } from './backend/backend.ts';
import type { EngineObserver } from './engine/generation.ts';
import { closed } from './engine/refusals.ts';
import type { EngineStats } from './engine/model-engine.ts';
import { HealthCheck } from './health.ts';
import type { RuntimeService } from './http/service.ts';
import { Resident, type LoadedModel, type Outcome, type Ticket } from './resident.ts';
import { Traffic } from './traffic.ts';

/** What weights have to be alike in to take the place of others in memory that was meant for these. */
export type Alike = LoadedModel['identity'];

/**
 * Brings a model into memory, warm; whatever it held is freed when it fails or the signal aborts. Throws `conflict`
 * before it takes memory when the model is not like the one that it is to be like, or when there is not as much.
 */
export type Loader = (
  model: ModelReference,
  parts: {
    observer: EngineObserver;
    onProgress: LoadProgress;
    signal: AbortSignal;
    like?: Alike | undefined;
    /** Answers meanwhile. */
    beside?: LoadedModel | undefined;
    /** Memory that there is for it beside a model that answers, in bytes; not known when there is none. */
    freeBytes?: number | undefined;
    /** To be loaded with it. */
    adapters: readonly AdapterReference[];
  },
) => Promise<LoadedModel>;

export type ServiceParts = {
  config: RuntimeConfig;
  clock: Clock;
  rng: Rng;
  log: Logger;
  load: Loader;
  /** Memory that this process could still take, in bytes. */
  freeMemory: () => number;
  onProgress?: LoadProgress;
  /** None is kept when left out. */
  tracer?: Tracer;
};

const updateGraceMsDefault = 600_000;

/** One runtime's state: loading, then a model that answers, which others may take the place of, then draining. */
export class Service implements RuntimeService {
  readonly servedName: string;
  readonly bodyBytesMax: number;
  readonly adminTokenSha256: string | undefined;
  readonly telemetry = new Telemetry('runtime', { processMetrics: true });
  readonly log: Logger;
  readonly startedEpochMs: number;
  readonly clock: Clock;
  readonly tracer: Tracer;
  /** Resolves when someone asks for a drain over HTTP. */
  readonly drainAsked: Promise<void>;
  readonly #parts: ServiceParts;
  readonly #health: HealthCheck;
  readonly #traffic: Traffic;
  readonly #ending = new AbortController();
  readonly #retiring = new Set<Resident>();
  #state: LoadReport['state'] = 'loading';
  #live: Resident | undefined;
  #progress: LoadReport['load'];
  #update: RuntimeStatus['update'];
  #askDrain: () => void;
  /** Adapters that are being loaded. */
  #adaptersComing = 0;

  constructor(parts: ServiceParts) {
    const { config, clock, log, tracer = noTracer } = parts;
    this.#parts = parts;
    this.clock = clock;
    this.tracer = tracer;
    this.log = log;
    this.servedName = config.servedName;
    this.bodyBytesMax = config.bodyBytesMax;
    this.adminTokenSha256 = config.admin?.tokenSha256;
    this.startedEpochMs = clock.epochMs();
    this.#health = new HealthCheck(clock);
    const names = { own: config.servedName, adapters: () => this.adapterNames };
    this.#traffic = new Traffic(this.telemetry, clock, { log, names });
    const asked = Promise.withResolvers<void>();
    this.drainAsked = asked.promise;
    this.#askDrain = asked.resolve;
  }

  /** Loads the first model. Throws what the loader does, and `shutting_down` when a drain came first. */
  async start(): Promise<void> {
    const { config, clock } = this.#parts;
    const loaded = await this.#loadModel(config.model);
    this.#live = new Resident(1, config.model, loaded, clock);
    this.#state = 'ready';
    const seconds = (this.#parts.clock.epochMs() - this.startedEpochMs) / 1000;
    this.telemetry.gauge('runtimeLoadSeconds', {}, seconds);
  }

  admit(name: string): Ticket {
    return this.#resident().admit((outcome) => this.finished(outcome, name));
  }

  /** Begins to load other weights beside the ones that answer. Throws `conflict` when that cannot be. */
  update(model: ModelReference, { sameShape = false }: { sameShape?: boolean } = {}): void {
    const refused = this.#updateRefused();
    if (refused) throw new FleetError('conflict', refused.message);
    this.#update = { state: 'loading', model };
    this.log.info({ uri: model.uri, revision: model.revision }, 'a hot update begins');
    void this.#exchange(model, sameShape ? this.#live?.loaded.identity : undefined).then(
      (old) => this.#retire(old),
      (thrown: unknown) => {
        const { code, message } = asFleetError(thrown);
        this.#update = { state: 'failed', model, error: { code, message } };
        this.log.warn({ code }, `the hot update failed, nothing has changed: ${describeError(thrown)}`);
      },
    );
  }

  report(): LoadReport {
    const engine = this.#live?.loaded.served.engine.stats() ?? restOf(this.#parts.config);
    this.telemetry.gauge('runtimeRunning', {}, engine.running);
    this.telemetry.gauge('runtimeQueued', {}, engine.queued);
    this.telemetry.gauge('runtimeKvTokens', {}, engine.kvTokens);
    this.telemetry.gauge('runtimeAdapters', { state: 'named' }, this.#adapters?.names.length ?? 0);
    this.telemetry.gauge('runtimeAdapters', { state: 'resident' }, this.#adapters?.resident ?? 0);
    return {
      model: this.servedName,
      state: this.#state,
      generation: this.#live?.generation ?? 0,
      requests: this.#residents().reduce((sum, { requests }) => sum + requests, 0),
      slots: engine.slots,
      running: engine.running,
      queued: engine.queued + (this.#adapters?.waiting ?? 0),
      waitMs: engine.waitMs,
      kvTokens: engine.kvTokens,
      kvTokensMax: engine.kvTokensMax,
      heartbeatAgeMs: engine.heartbeatAgeMs,
      ...this.#traffic.report,
      adapters: this.#adapters?.names ?? [],
      ...(this.#progress ? { load: this.#progress } : {}),
    };
  }

  get loaded(): LoadedModelStatus | undefined {
    return this.#live?.status;
  }

  status(): RuntimeStatus {
    const refused = this.#updateRefused();
    const progress = this.#update?.state === 'loading' ? this.#progress : undefined;
    return {
      model: this.servedName,
      state: this.#state,
      ...(this.loaded ? { loaded: this.loaded } : {}),
      retiring: [...this.#retiring].map(({ generation, requests }) => ({ generation, requests })),
      ...(this.#update ? { update: { ...this.#update, ...(progress ? { progress } : {}) } } : {}),
      hotUpdate: refused === undefined,
      ...(refused ? { hotUpdateRefused: refused } : {}),
    };
  }

  /** While there is no model, the process itself is all that can be alive. */
  assertLive(): void {
    if (this.#live) this.#health.assertLive(this.#live.loaded.served);
  }

  async assertReady(): Promise<void> {
    await this.#health.assertReady(this.#resident().loaded.served);
  }

  drain(): void {
    this.#state = 'draining';
    this.#askDrain();
  }

  /** Waits for what runs; ends it after the grace time. An update that is under way is given up. */
  async finish(): Promise<void> {
    this.#state = 'draining';
    this.#ending.abort(new FleetError('shutting_down', 'The server is stopping.'));
    await Promise.all(this.#residents().map((resident) => resident.settle(this.#parts.config.drain.graceMs)));
  }

  get adapterNames(): readonly string[] {
    return this.#adapters?.names ?? this.#configured.map(({ name }) => name);
  }

  async loadAdapter(reference: AdapterReference): Promise<void> {
    const adapters = this.#changeableAdapters();
    this.#adaptersComing += 1;
    try {
      await adapters.add(reference, this.#ending.signal);
      this.log.info({ adapter: reference.name, uri: reference.uri }, 'an adapter was loaded');
    } finally {
      this.#adaptersComing -= 1;
    }
  }

  unloadAdapter(name: string): void {
    this.#changeableAdapters().remove(name);
    this.#traffic.forget(name);
    this.log.info({ adapter: name }, 'an adapter was unloaded');
  }

  newCall(): { created: number; seed: number } {
    const { clock, rng } = this.#parts;
    return { created: Math.floor(clock.epochMs() / 1000), seed: Math.floor(rng() * 2 ** 31) };
  }

  finished(outcome: Outcome, name?: string): void {
    this.#traffic.finished(outcome, name);
  }

  get #configured(): readonly AdapterReference[] {
    return this.#parts.config.adapters?.list ?? [];
  }

  /** Of the model that answers now. */
  get #adapters(): Adapters | undefined {
    const served = this.#live?.loaded.served;
    return served?.task === 'generate' ? served.adapters : undefined;
  }

  #changeableAdapters(): Adapters {
    this.#resident();
    if (!this.#adapters)
      throw new FleetError(
        'unsupported',
        'There is no memory for adapters. Start the runtime with adapters configured.',
      );
    if (this.#update?.state !== 'loading') return this.#adapters;
    throw new FleetError('conflict', 'A hot update is under way; try again when it is over.');
  }

  #resident(): Resident {
    if (this.#state === 'ready' && this.#live) return this.#live;
    if (this.#state === 'draining') throw closed();
    throw new FleetError('model_loading', 'The model is being loaded. Try again shortly.', { retryAfterMs: 1_000 });
  }

  async #loadModel(model: ModelReference, like?: Alike): Promise<LoadedModel> {
    try {
      const loaded = await this.#parts.load(model, {
        like,
        beside: this.#live?.loaded,
        freeBytes: this.#live && this.#parts.freeMemory(),
        // A later model has the adapters that this one has by then.
        adapters: this.#adapters?.references ?? this.#configured,
        observer: this.#traffic.observer,
        signal: this.#ending.signal,
        onProgress: (phase, done, total) => {
          this.#progress = { phase, done, total };
          this.#parts.onProgress?.(phase, done, total);
        },
      });
      if (!this.#ending.signal.aborted) return loaded;
      await loaded.served.engine.release();
      throw new FleetError('shutting_down', 'The server is stopping.');
    } finally {
      this.#progress = undefined;
    }
  }

  /** Loads beside the model that answers, then exchanges one reference. Gives the old one, which ends what it had taken. */
  async #exchange(model: ModelReference, like: Alike | undefined): Promise<Resident> {
    const loaded = await this.#loadModel(model, like);
    const old = this.#live;
    if (!old || old.loaded.served.task !== loaded.served.task) {
      await loaded.served.engine.release();
      throw new FleetError(
        'unsupported_model',
        `The new model is for ${loaded.served.task}, and this pool is for ${old?.loaded.served.task}. Make a pool for it.`,
        { param: 'model.uri' },
      );
    }
    this.#live = new Resident(old.generation + 1, model, loaded, this.#parts.clock);
    this.#update = { state: 'done', model };
    this.log.info({ generation: this.#live.generation, digest: loaded.identity.digest }, 'the new weights answer');
    return old;
  }

  async #retire(old: Resident): Promise<void> {
    const { generation } = old;
    this.#retiring.add(old);
    try {
      const rests = await old.settle(this.#parts.config.update?.graceMs ?? updateGraceMsDefault);
      // A step that hangs may still write to the memory: better kept than freed.
      if (rests) await old.loaded.served.engine.release();
      else this.log.error({ generation }, 'a step hangs: the old model stays in memory');
    } catch (err) {
      this.log.error({ generation, err }, 'the old model could not be released');
    }
    this.#retiring.delete(old);
  }

  #updateRefused(): RuntimeStatus['hotUpdateRefused'] {
    if (this.#state !== 'ready' || !this.#live)
      return { reason: 'NotReady', message: `The runtime is ${this.#state}; try again when it is ready.` };
    if (this.#update?.state === 'loading')
      return { reason: 'Busy', message: 'Another update is under way; try again when it is over.' };
    if (this.#adaptersComing > 0)
      return { reason: 'Busy', message: 'An adapter is being loaded; try again when that is over.' };
    const [retiring] = this.#retiring;
    if (retiring) {
      const { generation, requests } = retiring;
      const message = `Generation ${generation} still answers ${requests} requests; try again later.`;
      return { reason: 'Busy', message };
    }
    const { memoryBytes } = this.#live.loaded;
    const freeBytes = this.#parts.freeMemory();
    if (freeBytes >= memoryBytes) return undefined;
    const [wanted, free] = [memoryBytes, freeBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
    const message = `A second model beside this one takes about ${wanted} MiB, and ${free} MiB are free; replace the process.`;
    return { reason: 'Memory', message };
  }

  #residents(): Resident[] {
    return this.#live ? [...this.#retiring, this.#live] : [...this.#retiring];
  }
}

/** What there is to say of an engine before there is one. */
const restOf = ({ engine: { slots } }: RuntimeConfig): Omit<EngineStats, 'contextLength'> => ({
  slots,
  running: 0,
  queued: 0,
  kvTokens: 0,
  kvTokensMax: 0,
  waitMs: 0,
  heartbeatAgeMs: 0,
  longestStepMs: 0,
});
