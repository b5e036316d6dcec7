import type { Clock } from '@qwenfleet/core/clock';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { Logger } from '@qwenfleet/core/log';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { adapterEvents, type EngineObserver } from './engine/generation.ts';
import { RateWindow } from './rate-window.ts';
import { outcomes, type Outcome } from './resident.ts';

/** The names that may be asked for. */
export type ServedNames = { own: string; adapters: () => readonly string[] };

const tokenTypes = ['prompt', 'completion'] as const;
type TokenType = (typeof tokenTypes)[number];

/** What engines have computed since the process started, over all generations: rates, totals and metrics. */
export class Traffic {
  readonly #telemetry: Telemetry;
  readonly #log: Logger;
  readonly #names: ServedNames;
  readonly #rates: Record<TokenType, RateWindow>;
  readonly #totals = { prompt: 0, completion: 0 };

  constructor(telemetry: Telemetry, clock: Clock, { log, names }: { log: Logger; names: ServedNames }) {
    this.#telemetry = telemetry;
    this.#names = names;
    for (const event of adapterEvents) telemetry.count('runtimeAdapterEvents', { event }, 0);
    this.#log = log;
    this.#rates = { prompt: new RateWindow(clock), completion: new RateWindow(clock) };
  }

  get report(): Pick<
    LoadReport,
    'promptTokensPerSecond' | 'completionTokensPerSecond' | 'promptTokensTotal' | 'completionTokensTotal'
  > {
    return {
      promptTokensPerSecond: this.#rates.prompt.perSecond(),
      completionTokensPerSecond: this.#rates.completion.perSecond(),
      promptTokensTotal: this.#totals.prompt,
      completionTokensTotal: this.#totals.completion,
    };
  }

  /** A request has ended; without a name when it asked for none that is served. */
  finished(outcome: Outcome, name: string | undefined): void {
    this.#telemetry.count('runtimeRequests', { outcome });
    if (name !== undefined)
      this.#named(name, (model) => this.#telemetry.count('runtimeNamedRequests', { model, outcome }));
  }

  /** An adapter's name is gone, and with it its series: they would otherwise grow with every name that there ever was. */
  forget(model: string): void {
    for (const outcome of outcomes) this.#telemetry.forget('runtimeNamedRequests', { model, outcome });
    for (const type of tokenTypes) this.#telemetry.forget('runtimeNamedTokens', { model, type });
  }

  /** To be given to every engine. */
  readonly observer: EngineObserver = {
    onStep: ({ kind, sequences, tokens, drawn, drafted, accepted, durationMs }) => {
      this.#telemetry.observe('runtimeStepSeconds', { kind }, durationMs / 1000);
      if (kind === 'decode') this.#telemetry.observe('runtimeBatchSize', {}, sequences);
      else this.#count('prompt', tokens);
      this.#count('completion', drawn);
      this.#telemetry.count('runtimeDraftTokens', {}, drafted);
      this.#telemetry.count('runtimeAcceptedTokens', {}, accepted);
    },
    onFirstToken: ({ adapter, firstTokenMs, promptTokens, cachedTokens }) => {
      this.#countNamed(adapter, 'prompt', promptTokens);
      this.#telemetry.count('runtimePrefixTokens', { result: 'hit' }, cachedTokens);
      this.#telemetry.count('runtimePrefixTokens', { result: 'miss' }, promptTokens - cachedTokens);
      this.#telemetry.observe('runtimeFirstTokenSeconds', {}, firstTokenMs / 1000);
    },
    onEnd: ({ adapter, firstTokenMs, totalMs, completionTokens }) => {
      this.#countNamed(adapter, 'completion', completionTokens);
      if (completionTokens < 2) return;
      this.#telemetry.observe('runtimeTokenSeconds', {}, (totalMs - firstTokenMs) / (completionTokens - 1) / 1000);
    },
    onAdapter: (event) => this.#telemetry.count('runtimeAdapterEvents', { event }),
    onPreempted: () => this.#telemetry.count('runtimePreemptions', {}),
    onFault: (err) => this.#log.error({ err }, 'the engine failed, and with it all that ran'),
  };

  #countNamed(adapter: string | undefined, type: TokenType, tokens: number): void {
    const count = (model: string): void => this.#telemetry.count('runtimeNamedTokens', { model, type }, tokens);
    this.#named(adapter ?? this.#names.own, count);
  }

  /** What ends with an adapter that has lost its name is in the totals only. */
  #named(name: string, count: (name: string) => void): void {
    if (name === this.#names.own || this.#names.adapters().includes(name)) count(name);
  }

  #count(type: TokenType, tokens: number): void {
    if (tokens === 0) return;
    this.#telemetry.count('runtimeTokens', { type }, tokens);
    this.#rates[type].add(tokens);
    this.#totals[type] += tokens;
  }
}
