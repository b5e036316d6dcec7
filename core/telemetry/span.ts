import { asFleetError } from '../errors.ts';

/** By the names of OpenTelemetry's conventions where they have one, otherwise under `qwenfleet.`. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of the work on one request, from its start until `end`. Times are Unix milliseconds. */
export type Span = {
  /** What W3C's trace context says to the next process; undefined where nothing is to be said. */
  readonly traceparent: string | undefined;
  /** False where nothing of it will be kept, so that nothing need be found out for it. */
  readonly recording: boolean;
  /** @param startEpochMs now when left out. */
  child(name: SpanName, startEpochMs?: number): Span;
  set(attributes: Attributes): void;
  /** Marks it as failed. */
  fail(code: string): void;
  /** Only the first call counts. */
  end(endEpochMs?: number): void;
};

/** Every span of the fleet. */
export const spanNames = [
  // Of the router: the whole request, and what happens to it in turn.
  'router.request',
  'router.admission',
  'router.scoring',
  'router.hold',
  'router.upstream',
  // Of the runtime: the whole request, and what the engine does for each choice.
  'runtime.request',
  'engine.queue',
  'engine.prefill',
  'engine.decode',
] as const;
export type SpanName = (typeof spanNames)[number];

/** Ends a span with what went wrong. */
export function failSpan(span: Span, thrown: unknown): void {
  if (!span.recording) return;
  span.fail(asFleetError(thrown).code);
  span.end();
}

export type Tracer = {
  /** @param traceparent as the client sent it; what is no trace context is taken as none. */
  request(name: 'router.request' | 'runtime.request', traceparent: string | undefined): Span;
  /** Sends what is not sent yet. */
  close(): Promise<void>;
};

/** W3C Trace Context, level 1: version, trace, parent, flags. */
export const traceparentPattern = /^00-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/;

/** Keeps nothing, and passes on what the client sent. */
export class PassingSpan implements Span {
  readonly traceparent: string | undefined;
  readonly recording = false;

  constructor(traceparent: string | undefined) {
    this.traceparent = traceparent;
  }

  child(): Span {
    return this;
  }

  set(): void {}
  fail(): void {}
  end(): void {}
}

/** Where nobody asked for a trace. */
export const noSpan: Span = new PassingSpan(undefined);

/** What there is without a collector: the client's own trace goes on to the next process, and nothing is kept. */
export const noTracer: Tracer = {
  request: (_name, traceparent) =>
    traceparent === undefined || !traceparentPattern.test(traceparent) ? noSpan : new PassingSpan(traceparent),
  close: () => Promise.resolve(),
};
