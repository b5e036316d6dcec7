import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError, FleetError } from '@qwenfleet/core/errors';
import type { RuntimeConfig } from '@qwenfleet/core/fleet/runtime-config';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { Logger } from '@qwenfleet/core/log';
import type { Rng } from '@qwenfleet/core/rng';
import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { EngineObserver } from './engine/generation.ts';
import type { EngineStats } from './engine/model-engine.ts';
import type { RuntimeService } from './http/app.ts';
import { probe } from './load-model.ts';
import type { ServedModel } from './served-model.ts';
import { RateWindow } from './rate-window.ts';

/** A step that takes longer than this has hung: even a long prefill chunk of a large model on few cores is quicker. */
const hungAfterMs = 60_000;
/** An engine that rests is asked for a token at most this often. */
const probeEveryMs = 10_000;

export type ServiceParts = { config: RuntimeConfig; clock: Clock; rng: Rng; log: Logger };

/** One runtime's state: loading, then a model that answers, then draining. */
export class Service implements RuntimeService {
  readonly servedName: string;
  readonly bodyBytesMax: number;
  readonly telemetry = new Telemetry('runtime', { processMetrics: true });
  readonly log: Logger;
  readonly startedEpochMs: number;
  readonly #config: RuntimeConfig;
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #prompt: RateWindow;
  readonly #completion: RateWindow;
  #state: LoadReport['state'] = 'loading';
  #model: ServedModel | undefined;
  #load: LoadReport['load'];
  #probedMs = -Infinity;
  #drained: (() => void) | undefined;
  /** Resolves when someone asks for a drain over HTTP. */
  readonly drainAsked: Promise<void>;

  constructor({ config, clock, rng, log }: ServiceParts) {
    this.#config = config;
    this.#clock = clock;
    this.#rng = rng;
    this.log = log;
    this.servedName = config.servedName;
    this.bodyBytesMax = config.bodyBytesMax;
    this.startedEpochMs = clock.epochMs();
    this.#prompt = new RateWindow(clock);
    this.#completion = new RateWindow(clock);
    this.drainAsked = new Promise((resolve) => (this.#drained = resolve));
  }

  readonly observer: Required<EngineObserver> = {
    onStep: ({ kind, sequences, tokens, drawn, durationMs }) => {
      this.telemetry.observe('runtimeStepSeconds', { kind }, durationMs / 1000);
      if (kind === 'decode') this.telemetry.observe('runtimeBatchSize', {}, sequences);
      if (kind !== 'decode') this.#count('prompt', tokens);
      this.#count('completion', drawn);
    },
    onEnd: ({ firstTokenMs, totalMs, completionTokens }) => {
      if (completionTokens > 0) this.telemetry.observe('runtimeFirstTokenSeconds', {}, firstTokenMs / 1000);
      if (completionTokens < 2) return;
      this.telemetry.observe('runtimeTokenSeconds', {}, (totalMs - firstTokenMs) / (completionTokens - 1) / 1000);
    },
    onFault: (err) => this.log.error({ err }, 'the engine failed, and with it all that ran'),
  };

  #count(type: 'prompt' | 'completion', tokens: number): void {
    if (tokens === 0) return;
    this.telemetry.count('runtimeTokens', { type }, tokens);
    (type === 'prompt' ? this.#prompt : this.#completion).add(tokens);
  }

  loading(phase: string, done: number, total: number): void {
    this.#load = { phase, done, total };
  }

  ready(model: ServedModel): void {
    this.#model = model;
    this.#load = undefined;
    this.#state = 'ready';
    this.telemetry.gauge('runtimeLoadSeconds', {}, (this.#clock.epochMs() - this.startedEpochMs) / 1000);
  }

  model(): ServedModel {
    if (this.#state === 'ready' && this.#model) return this.#model;
    if (this.#state === 'draining')
      throw new FleetError('shutting_down', 'The server is stopping and takes no new requests. Try again.');
    throw new FleetError('model_loading', 'The model is being loaded. Try again shortly.', { retryAfterMs: 1_000 });
  }

  report(): LoadReport {
    const stats = this.#stats();
    this.telemetry.gauge('runtimeRunning', {}, stats.running);
    this.telemetry.gauge('runtimeQueued', {}, stats.queued);
    this.telemetry.gauge('runtimeKvTokens', {}, stats.kvTokens);
    return {
      model: this.servedName,
      state: this.#state,
      slots: stats.slots,
      running: stats.running,
      queued: stats.queued,
      kvTokens: stats.kvTokens,
      kvTokensMax: stats.kvTokensMax,
      promptTokensPerSecond: this.#prompt.perSecond(),
      completionTokensPerSecond: this.#completion.perSecond(),
      heartbeatAgeMs: stats.heartbeatAgeMs,
      adapters: [],
      ...(this.#load ? { load: this.#load } : {}),
    };
  }

  async check(): Promise<void> {
    const model = this.model();
    const stats = this.#stats();
    if (stats.heartbeatAgeMs > hungAfterMs) {
      throw new FleetError(
        'engine_failed',
        `The engine's last step began ${Math.round(stats.heartbeatAgeMs / 1000)} s ago and has not ended.`,
      );
    }
    const nowMs = this.#clock.nowMs();
    if (stats.running > 0 || nowMs - this.#probedMs < probeEveryMs) return;
    this.#probedMs = nowMs;
    try {
      await probe(model);
    } catch (error) {
      this.#probedMs = -Infinity;
      throw asFleetError(error);
    }
  }

  drain(): void {
    this.#state = 'draining';
    this.#drained?.();
  }

  /** Waits for what runs; ends it after the grace time. */
  async finish(): Promise<void> {
    this.#state = 'draining';
    await this.#model?.engine.drain(this.#config.drain.graceMs);
  }

  newCall(): { created: number; seed: number } {
    return { created: Math.floor(this.#clock.epochMs() / 1000), seed: Math.floor(this.#rng() * 2 ** 31) };
  }

  finished(outcome: 'ok' | 'error' | 'cancelled'): void {
    this.telemetry.count('runtimeRequests', { outcome });
  }

  #stats(): EngineStats {
    if (this.#model) return this.#model.engine.stats();
    const { slots, contextLength } = this.#config.engine;
    return {
      slots,
      running: 0,
      queued: 0,
      kvTokens: 0,
      kvTokensMax: 0,
      promptTokensTotal: 0,
      completionTokensTotal: 0,
      waitMs: 0,
      heartbeatAgeMs: 0,
      longestStepMs: 0,
      contextLength,
    };
  }
}
