import type { Context, Span, SpanOptions } from '@opentelemetry/api';
import { FleetError } from '../errors.ts';

/** What of OpenTelemetry's packages is used here. */
type Constructor<Options extends unknown[], Made> = new (...options: Options) => Made;
type Sampler = object;
type Exporter = object;
type Processor = object;
export type Provider = {
  getTracer: (name: string) => { startSpan: (name: string, options: SpanOptions, parent: Context) => Span };
  shutdown: () => Promise<void>;
};
export type OpenTelemetry = {
  BasicTracerProvider: Constructor<[{ resource: object; sampler: Sampler; spanProcessors: Processor[] }], Provider>;
  BatchSpanProcessor: Constructor<
    [
      Exporter,
      {
        maxQueueSize: number;
        maxExportBatchSize: number;
        scheduledDelayMillis: number;
        exportTimeoutMillis: number;
      },
    ],
    Processor
  >;
  ParentBasedSampler: Constructor<[{ root: Sampler }], Sampler>;
  TraceIdRatioBasedSampler: Constructor<[number], Sampler>;
  OTLPTraceExporter: Constructor<[{ url: string; headers: Record<string, string>; timeoutMillis: number }], Exporter>;
  resourceFromAttributes: (attributes: Record<string, string>) => object;
};

const packages = ['sdk-trace-base', 'exporter-trace-otlp-http', 'resources'] as const;

/**
 * OpenTelemetry's packages, by name alone: 28 MB of files and 60 ms, which a process without traces neither has nor
 * needs. Throws `invalid_config` where they are not installed.
 */
export async function loadOpenTelemetry(): Promise<OpenTelemetry> {
  try {
    const loaded: object[] = await Promise.all(packages.map((name) => import(`@opentelemetry/${name}`)));
    // Held together: their names differ.
    return Object.assign({}, ...loaded) as OpenTelemetry;
  } catch (cause) {
    throw new FleetError(
      'invalid_config',
      'Traces are wanted, and the optional packages of OpenTelemetry are not installed. Install them with npm install.',
      { cause },
    );
  }
}
