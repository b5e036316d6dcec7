import type { Clock } from '@qwenfleet/core/clock';
import type { LoadReport } from '@qwenfleet/core/load/report';
import type { Logger } from '@qwenfleet/core/log';
import type { Telemetry } from '@qwenfleet/core/telemetry/registry';
import type { EngineObserver } from './engine/generation.ts';
import { RateWindow } from './rate-window.ts';

/** What engines have computed since the process started, over all generations: rates, totals and metrics. */
export class Traffic {
  readonly #telemetry: Telemetry;
  readonly #log: Logger;
  readonly #rates: Record<'prompt' | 'completion', RateWindow>;
  readonly #totals = { prompt: 0, completion: 0 };

  constructor(telemetry: Telemetry, clock: Clock, log: Logger) {
    this.#telemetry = telemetry;
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
    onFirstToken: ({ firstTokenMs, promptTokens, cachedTokens }) => {
      this.#telemetry.count('runtimePrefixTokens', { result: 'hit' }, cachedTokens);
      this.#telemetry.count('runtimePrefixTokens', { result: 'miss' }, promptTokens - cachedTokens);
      this.#telemetry.observe('runtimeFirstTokenSeconds', {}, firstTokenMs / 1000);
    },
    onEnd: ({ firstTokenMs, totalMs, completionTokens }) => {
      if (completionTokens < 2) return;
      this.#telemetry.observe('runtimeTokenSeconds', {}, (totalMs - firstTokenMs) / (completionTokens - 1) / 1000);
    },
    onPreempted: () => this.#telemetry.count('runtimePreemptions', {}),
    onFault: (err) => this.#log.error({ err }, 'the engine failed, and with it all that ran'),
  };

  #count(type: 'prompt' | 'completion', tokens: number): void {
    if (tokens === 0) return;
    this.#telemetry.count('runtimeTokens', { type }, tokens);
    this.#rates[type].add(tokens);
    this.#totals[type] += tokens;
  }
}
