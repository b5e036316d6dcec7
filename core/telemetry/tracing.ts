import { describeError, FleetError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { TracingConfig } from './config.ts';
import { noTracer, type Tracer } from './span.ts';

/**
 * Traces of one process. Without a collector nothing is kept, and OpenTelemetry is not even loaded. What is wrong with
 * tracing is logged, and keeps nobody from being served.
 */
export async function openTracer(
  config: TracingConfig | undefined,
  { service, log }: { service: 'qwenfleet-router' | 'qwenfleet-runtime'; log: Pick<Logger, 'error'> },
): Promise<Tracer> {
  if (!config) return noTracer;
  try {
    if (!URL.canParse(config.endpoint))
      throw new FleetError('invalid_config', `tracing.endpoint: "${config.endpoint}" is not a URL.`);
    const { otlpTracer } = await import('./otlp.ts');
    return await otlpTracer(config, service);
  } catch (error) {
    log.error(`no traces are kept: ${describeError(error)}`);
    return noTracer;
  }
}
