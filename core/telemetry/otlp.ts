// Loaded only where traces are wanted: see tracing.ts.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span as OtelSpan } from '@opentelemetry/api';
import type { TracingConfig } from './config.ts';
import { loadOpenTelemetry, type Provider } from './opentelemetry.ts';
import { PassingSpan, traceparentPattern, type Attributes, type Span, type SpanName, type Tracer } from './span.ts';

/** Spans that wait to be sent; what comes beyond is dropped. A request makes eight at most. */
const queueMax = 4_096;
const batchMax = 512;
/** OpenTelemetry's own default: each time costs the same, however few there are. */
const sendEveryMs = 5_000;
const sendWithinMs = 5_000;

const kinds: Partial<Record<SpanName, SpanKind>> = {
  'router.request': SpanKind.SERVER,
  'router.upstream': SpanKind.CLIENT,
  'runtime.request': SpanKind.SERVER,
};

type OtelTracer = ReturnType<Provider['getTracer']>;

/** Sends spans to a collector, as OTLP over HTTP. Throws `invalid_config` where OpenTelemetry is not installed. */
export async function otlpTracer(config: TracingConfig, service: string): Promise<Tracer> {
  const { endpoint, sampleRatio, headers } = config;
  const of = await loadOpenTelemetry();
  const exporter = new of.OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers,
    timeoutMillis: sendWithinMs,
  });
  const provider = new of.BasicTracerProvider({
    resource: of.resourceFromAttributes({ 'service.name': service }),
    sampler: new of.ParentBasedSampler({ root: new of.TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [
      new of.BatchSpanProcessor(exporter, {
        maxQueueSize: queueMax,
        maxExportBatchSize: batchMax,
        scheduledDelayMillis: sendEveryMs,
        exportTimeoutMillis: sendWithinMs,
      }),
    ],
  });
  const tracer = provider.getTracer('qwenfleet');
  return {
    request: (name, traceparent) => begin(tracer, name, contextOf(traceparent)),
    close: () => provider.shutdown(),
  };
}

function contextOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = traceparentPattern.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags ?? '00', 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function begin(tracer: OtelTracer, name: SpanName, parent: Context, startEpochMs?: number): Span {
  const startTime = startEpochMs === undefined ? {} : { startTime: startEpochMs };
  const span = tracer.startSpan(name, { kind: kinds[name] ?? SpanKind.INTERNAL, ...startTime }, parent);
  // The next process is told not to begin a trace of its own.
  return span.isRecording() ? new RecordedSpan(tracer, span) : new PassingSpan(traceparentOf(span));
}

class RecordedSpan implements Span {
  readonly recording = true;
  readonly #tracer: OtelTracer;
  readonly #span: OtelSpan;
  #ended = false;

  constructor(tracer: OtelTracer, span: OtelSpan) {
    this.#tracer = tracer;
    this.#span = span;
  }

  get traceparent(): string {
    return traceparentOf(this.#span);
  }

  child(name: SpanName, startEpochMs?: number): Span {
    return begin(this.#tracer, name, trace.setSpan(ROOT_CONTEXT, this.#span), startEpochMs);
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  fail(code: string): void {
    this.#span.setAttributes({ 'error.type': code });
    this.#span.setStatus({ code: SpanStatusCode.ERROR });
  }

  end(endEpochMs?: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#span.end(endEpochMs);
  }
}

function traceparentOf(span: OtelSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
