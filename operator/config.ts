import { hostname } from 'node:os';
import { describeIssues, parseConfig } from '@qwenfleet/core/config';
import type { CredentialSource } from '@qwenfleet/kube/connection/credentials';
import { z } from 'zod';
import type { Integrations } from './specs/capabilities.ts';
import { thirdPartyImages, type Images } from './specs/images.ts';

const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const count = (name: string) =>
  z.string().regex(/^\d+$/, `is not a whole number; set ${name} to one`).transform(Number);

const named = z.strictObject({ name: z.string().min(1).max(253) });
const integrationsSchema = z.strictObject({
  monitorLabels: z.record(z.string(), z.string()).optional(),
  runbooksUrl: z
    .string()
    .regex(/^https?:\/\/\S+$/, 'is not a URL; write one such as https://wiki.example.com/runbooks')
    .optional(),
  gateway: named
    .extend({ namespace: z.string().min(1).optional(), sectionName: z.string().min(1).optional() })
    .optional(),
  endpointPicker: named.extend({ port: z.int().min(1).max(65_535) }).optional(),
});

/** JSON such as `{"gateway": {"name": "public", "namespace": "gateways"}}`. */
function integrationsOf(text: string, context: z.RefinementCtx): Integrations {
  const problem = (message: string): typeof z.NEVER => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return problem('is not JSON; write an object such as {"monitorLabels": {"release": "prometheus"}}');
  }
  const read = integrationsSchema.safeParse(json);
  // Absent and undefined are the same to whoever reads them.
  return read.success ? (read.data as Integrations) : problem(describeIssues(read.error));
}

const environmentSchema = z.object({
  /** Namespaces that are looked after, separated by commas; all of them when empty. */
  QWENFLEET_NAMESPACES: z.string().default(''),
  QWENFLEET_RUNTIME_IMAGE: z.string().min(1).default('qwenfleet/runtime:0.1.0'),
  QWENFLEET_ROUTER_IMAGE: z.string().min(1).default('qwenfleet/router:0.1.0'),
  QWENFLEET_VLLM_IMAGE: z.string().min(1).default(thirdPartyImages.vllm),
  QWENFLEET_TRITON_IMAGE: z.string().min(1).default(thirdPartyImages.triton),
  QWENFLEET_INTEGRATIONS: z.string().default('{}').transform(integrationsOf),
  QWENFLEET_LEADER_ELECTION: flag.default(true),
  QWENFLEET_LEASE_NAMESPACE: z.string().optional(),
  /** A folder with token, ca.crt and namespace, where a pod's service account is not mounted at its usual place. */
  QWENFLEET_SERVICE_ACCOUNT: z.string().min(1).optional(),
  QWENFLEET_IDENTITY: z.string().min(1).default(hostname()),
  QWENFLEET_METRICS_HOST: z.string().min(1).default('0.0.0.0'),
  QWENFLEET_METRICS_PORT: count('QWENFLEET_METRICS_PORT').default(9090),
  /** A pool takes ten writes to come up. The server protects itself: its 429 is waited out, as long as it says. */
  QWENFLEET_WRITE_QPS: count('QWENFLEET_WRITE_QPS').default(200),
  /** As many as there are connections to the API server: more would only wait for one. */
  QWENFLEET_WORKERS: count('QWENFLEET_WORKERS').default(16),
  QWENFLEET_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export type OperatorConfig = {
  /** Undefined stands for all of them. */
  namespaces: readonly (string | undefined)[];
  /** Images where nobody names one, by engine, and the router's. */
  images: Images & { router: string };
  /** What neighbours have to be told, or be found by. */
  integrations: Integrations;
  leaderElection: boolean;
  leaseNamespace: string | undefined;
  credentials: CredentialSource;
  identity: string;
  metrics: { host: string; port: number };
  writesPerSecond: number;
  workers: number;
  logLevel: string;
};

/** Throws `invalid_config` naming the variable at fault. */
export function readOperatorConfig(environment: NodeJS.ProcessEnv = process.env): OperatorConfig {
  const read = parseConfig(environmentSchema, environment, 'The environment');
  const namespaces = read.QWENFLEET_NAMESPACES.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return {
    namespaces: namespaces.length === 0 ? [undefined] : namespaces,
    images: {
      qwen: read.QWENFLEET_RUNTIME_IMAGE,
      router: read.QWENFLEET_ROUTER_IMAGE,
      vllm: read.QWENFLEET_VLLM_IMAGE,
      triton: read.QWENFLEET_TRITON_IMAGE,
    },
    integrations: read.QWENFLEET_INTEGRATIONS,
    leaderElection: read.QWENFLEET_LEADER_ELECTION,
    leaseNamespace: read.QWENFLEET_LEASE_NAMESPACE,
    credentials:
      read.QWENFLEET_SERVICE_ACCOUNT === undefined
        ? { from: 'default' }
        : { from: 'pod', folder: read.QWENFLEET_SERVICE_ACCOUNT },
    identity: read.QWENFLEET_IDENTITY,
    metrics: { host: read.QWENFLEET_METRICS_HOST, port: read.QWENFLEET_METRICS_PORT },
    writesPerSecond: read.QWENFLEET_WRITE_QPS,
    workers: read.QWENFLEET_WORKERS,
    logLevel: read.QWENFLEET_LOG,
  };
}
