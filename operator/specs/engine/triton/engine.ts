import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { homeEnv } from '../../home-env.ts';
import { graceSeconds, httpPort, sleep, type PodEngine } from '../engine.ts';

const grpcPort = 8001;
const metricsPort = 8002;
/** The others bring checkpoints, and Triton reads a repository of models with a config.pbtxt each. */
const repositories: readonly (string | undefined)[] = ['pvc', 'oci', 's3', 'file'];

/** Triton Inference Server over a model repository; it speaks the Open Inference Protocol. */
export const tritonEngine: PodEngine = {
  type: 'triton',
  reading: 'folder',
  configured: false,
  metricsPort: 'metrics',
  tokenSeconds: undefined,
  load: undefined,
  refusal: ({ deployment, parallelism: { nodes } }) => {
    if (nodes > 1) return 'the triton engine does not span nodes here; set engine.type: vllm';
    if (repositories.includes(schemeOf(deployment))) return undefined;
    return 'triton reads a model repository, from pvc://, oci://, s3:// or file://';
  },
  container: ({ deployment, weights }) => ({
    command: ['tritonserver'],
    args: [
      `--model-repository=${weights.location}`,
      `--http-port=${httpPort}`,
      `--grpc-port=${grpcPort}`,
      `--metrics-port=${metricsPort}`,
      `--exit-timeout-secs=${graceSeconds(deployment)}`,
    ],
    env: homeEnv,
    ports: [
      { name: 'http', containerPort: httpPort, protocol: 'TCP' },
      { name: 'grpc', containerPort: grpcPort, protocol: 'TCP' },
      { name: 'metrics', containerPort: metricsPort, protocol: 'TCP' },
    ],
    probes: { ready: '/v2/health/ready', live: '/v2/health/live' },
    preStop: sleep(deployment),
  }),
};

const schemeOf = ({ spec }: QwenDeployment): string | undefined => spec.model.uri?.split('://')[0];
