import { ManualClock } from '@qwenfleet/core/clock';
import { FleetError } from '@qwenfleet/core/errors';
import type { Attributes, Span, SpanName } from '@qwenfleet/core/telemetry/span';
import { describe, expect, it } from 'vitest';
import { rejection, requestOf } from '../fixtures/generation.ts';
import type { GeneratedToken, GenerationEnd, GenerationEngine, GenerationRequest } from './generation.ts';
import { tracedEngine } from './traced.ts';

type Kept = { name: SpanName; startMs: number; endMs: number; failed?: string; attributes: Attributes };

/** A request's span that keeps its children. */
function keeping(clock: ManualClock): { span: Span; kept: Kept[] } {
  const kept: Kept[] = [];
  const child = (name: SpanName, startMs = clock.epochMs()): Span => {
    const own: Kept = { name, startMs: startMs - epochMs, endMs: Number.NaN, attributes: {} };
    kept.push(own);
    return {
      ...span,
      set: (attributes) => void (own.attributes = { ...own.attributes, ...attributes }),
      fail: (code) => void (own.failed = code),
      end: (endMs = clock.epochMs()) => void (own.endMs = endMs - epochMs),
    };
  };
  const epochMs = clock.epochMs();
  const nothing = (): void => undefined;
  const span: Span = { traceparent: undefined, recording: true, child, set: nothing, fail: nothing, end: nothing };
  return { span, kept };
}

const end: GenerationEnd = {
  reason: 'length',
  promptTokens: 4,
  completionTokens: 3,
  cachedTokens: 2,
  queuedMs: 100,
  firstTokenMs: 300,
  totalMs: 700,
};

/** Waits 100 ms for a slot, reads for 200, and writes a token each 200 after that. */
function engineOf(
  clock: ManualClock,
  { failsAfter = Infinity } = {},
): { engine: GenerationEngine; left: () => boolean } {
  let left = false;
  async function* generate({ onSlot }: GenerationRequest): AsyncGenerator<GeneratedToken, GenerationEnd, void> {
    try {
      await clock.advance(100);
      onSlot?.();
      await clock.advance(200);
      for (let token = 0; token < 3; token += 1) {
        if (token >= failsAfter) throw new FleetError('engine_failed', 'It broke.');
        yield { token };
        await clock.advance(200);
      }
      return end;
    } finally {
      left = true;
    }
  }
  const none = (): never => {
    throw new Error('nobody asks');
  };
  return { engine: { generate, stats: none, drain: none, release: none }, left: () => left };
}

async function read(engine: GenerationEngine, tokensMax = Infinity): Promise<number> {
  let tokens = 0;
  for await (const _token of engine.generate(requestOf([1, 2, 3, 4]))) {
    tokens += 1;
    if (tokens >= tokensMax) break;
  }
  return tokens;
}

describe('the spans of an answer', () => {
  it('are its wait, its prompt and its tokens, one after the other', async () => {
    const clock = new ManualClock();
    const { span, kept } = keeping(clock);
    expect(await read(tracedEngine(engineOf(clock).engine, span, clock))).toBe(3);
    expect(kept).toEqual([
      { name: 'engine.queue', startMs: 0, endMs: 100, attributes: {} },
      {
        name: 'engine.prefill',
        startMs: 100,
        endMs: 300,
        attributes: { 'gen_ai.usage.input_tokens': 4, 'qwenfleet.cached_tokens': 2 },
      },
      { name: 'engine.decode', startMs: 300, endMs: 900, attributes: { 'gen_ai.usage.output_tokens': 3 } },
    ]);
  });

  it('are those of a reader who leaves early, too, and the engine is told', async () => {
    const clock = new ManualClock();
    const { span, kept } = keeping(clock);
    const { engine, left } = engineOf(clock);
    await read(tracedEngine(engine, span, clock), 2);
    expect(left()).toBe(true);
    expect(kept.map(({ name, endMs }) => [name, endMs])).toEqual([
      ['engine.queue', 100],
      ['engine.prefill', 300],
      ['engine.decode', 500],
    ]);
    expect(kept[2]?.attributes).toEqual({ 'gen_ai.usage.output_tokens': 2 });
  });

  it('say what broke, where it broke', async () => {
    const clock = new ManualClock();
    const late = keeping(clock);
    const failing = (failsAfter: number, span: Span): GenerationEngine =>
      tracedEngine(engineOf(clock, { failsAfter }).engine, span, clock);
    expect(await rejection(read(failing(1, late.span)))).toMatchObject({ code: 'engine_failed' });
    expect(late.kept.map(({ name, failed }) => [name, failed])).toEqual([
      ['engine.queue', undefined],
      ['engine.prefill', undefined],
      ['engine.decode', 'engine_failed'],
    ]);
    const early = keeping(clock);
    expect(await rejection(read(failing(0, early.span)))).toMatchObject({ code: 'engine_failed' });
    expect(early.kept.map(({ name, failed }) => [name, failed])).toEqual([
      ['engine.queue', undefined],
      ['engine.prefill', 'engine_failed'],
    ]);
  });
});
