import type { Clock } from '@qwenfleet/core/clock';
import { asFleetError } from '@qwenfleet/core/errors';
import type { Span } from '@qwenfleet/core/telemetry/span';
import type { GeneratedToken, GenerationEnd, GenerationEngine, GenerationRequest } from './generation.ts';

/** The engine, with spans of what it does for each choice of one request: waiting, reading the prompt, writing. */
export const tracedEngine = (engine: GenerationEngine, span: Span, clock: Clock): GenerationEngine => ({
  stats: () => engine.stats(),
  drain: (graceMs) => engine.drain(graceMs),
  release: () => engine.release(),
  generate: (request) => traced(engine, request, { span, clock }),
});

/** Seen by whoever reads it: when it was asked, when the first token came, when it ended. */
type Seen = {
  askedEpochMs: number;
  slotEpochMs: number | undefined;
  firstEpochMs: number | undefined;
  cachedTokens: number;
  tokens: number;
};

async function* traced(
  engine: GenerationEngine,
  request: GenerationRequest,
  { span, clock }: { span: Span; clock: Clock },
): AsyncGenerator<GeneratedToken, GenerationEnd, void> {
  const seen: Seen = {
    askedEpochMs: clock.epochMs(),
    slotEpochMs: undefined,
    firstEpochMs: undefined,
    cachedTokens: 0,
    tokens: 0,
  };
  const onSlot = (): void => void (seen.slotEpochMs = clock.epochMs());
  const generated = engine.generate({ ...request, onSlot });
  let code: string | undefined;
  let end: GenerationEnd | undefined;
  try {
    for (;;) {
      const next = await generated.next();
      if (next.done) {
        end = next.value;
        return end;
      }
      if (!next.value.ofPrompt) {
        seen.firstEpochMs ??= clock.epochMs();
        seen.cachedTokens = next.value.cachedTokens ?? seen.cachedTokens;
        seen.tokens += 1;
      }
      yield next.value;
    }
  } catch (thrown) {
    ({ code } = asFleetError(thrown));
    throw thrown;
  } finally {
    // A reader that leaves at a stop string frees the slot so; what the generator would return is of no interest then.
    if (!end) await generated.return(undefined as never);
    tell(span, seen, { promptTokens: request.promptTokens.length, end, code, endEpochMs: clock.epochMs() });
  }
}

type Told = {
  promptTokens: number;
  end: GenerationEnd | undefined;
  code: string | undefined;
  endEpochMs: number;
};

/** Spans are made when all is known, with the times that it had. */
function tell(span: Span, seen: Seen, { promptTokens, end, code, endEpochMs }: Told): void {
  const { askedEpochMs, slotEpochMs, firstEpochMs } = seen;
  const queue = span.child('engine.queue', askedEpochMs);
  if (slotEpochMs === undefined && code !== undefined) queue.fail(code);
  queue.end(slotEpochMs ?? endEpochMs);
  if (slotEpochMs === undefined) return;
  const prefill = span.child('engine.prefill', slotEpochMs);
  prefill.set({
    'gen_ai.usage.input_tokens': promptTokens,
    'qwenfleet.cached_tokens': end?.cachedTokens ?? seen.cachedTokens,
  });
  if (firstEpochMs === undefined && code !== undefined) prefill.fail(code);
  prefill.end(firstEpochMs ?? endEpochMs);
  if (firstEpochMs === undefined) return;
  const decode = span.child('engine.decode', firstEpochMs);
  decode.set({ 'gen_ai.usage.output_tokens': end?.completionTokens ?? seen.tokens });
  if (code !== undefined) decode.fail(code);
  decode.end(endEpochMs);
}
