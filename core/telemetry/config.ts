import { z } from 'zod';
import { parseConfig } from '../config.ts';

/** Where traces go, and how many of them. */
export const tracingSchema = z.strictObject({
  /** Of a collector that takes OTLP over HTTP, without /v1/traces, such as http://collector:4318. */
  endpoint: z.string().regex(/^https?:\/\/\S+$/, 'is not an http(s) address such as http://collector:4318'),
  /** Share of requests that begin a trace; those whose client began one follow it. */
  sampleRatio: z.number().min(0).max(1).default(1),
  headers: z.record(z.string(), z.string()).default({}),
});
export type TracingConfig = z.infer<typeof tracingSchema>;

const optionalText = z
  .string()
  .optional()
  .transform((text) => (text === undefined || text.trim() === '' ? undefined : text.trim()));

/** The variables of OpenTelemetry's specification that mean something here. */
const environmentSchema = z.object({
  OTEL_SDK_DISABLED: optionalText,
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalText.pipe(
    z.url({ protocol: /^https?$/, error: 'must be an http(s) address such as http://127.0.0.1:4318' }).optional(),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: optionalText.pipe(
    z
      .string()
      .refine(isPercentEncoded, 'must be name=value pairs, percent-encoded, such as authorization=Bearer%20abc')
      .optional(),
  ),
  OTEL_TRACES_SAMPLER_ARG: optionalText.pipe(
    z
      .string()
      .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a share of requests from 0 to 1, such as 0.01')
      .transform(Number)
      .optional(),
  ),
});

/** Undefined where nobody wants traces. Throws `invalid_config` naming the variable at fault. */
export function readTracingConfig(environment: NodeJS.ProcessEnv = process.env): TracingConfig | undefined {
  const given = parseConfig(environmentSchema, environment, 'The environment');
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_HEADERS: headers = '' } = given;
  if (endpoint === undefined || given.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined;
  return {
    endpoint,
    sampleRatio: given.OTEL_TRACES_SAMPLER_ARG ?? 1,
    headers: Object.fromEntries(headers.split(',').flatMap((pair) => entryOf(pair))),
  };
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** `name=value`, percent-encoded as in W3C's baggage. */
function entryOf(pair: string): [string, string][] {
  const equals = pair.indexOf('=');
  if (equals < 1) return [];
  return [[pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim())]];
}
