import { homeEnv, terminationEnv } from '../../home-env.ts';
import { httpPort, sleep, type PodEngine } from '../engine.ts';
import { configFile } from './config.ts';
import { qwenLoad } from './load.ts';
import { hubDir } from '../../weights/paths.ts';

/** Our own runtime. It is told everything in one file, pulls weights by itself and drains when it is told to stop. */
export const qwenEngine: PodEngine = {
  type: 'qwen',
  reading: 'uri',
  configured: true,
  metricsPort: 'http',
  tokenSeconds: 'qwenfleet_runtime_time_per_output_token_seconds',
  load: qwenLoad,
  refusal: ({ parallelism: { tensor, pipeline, devices } }) =>
    tensor * pipeline === devices ? undefined : 'the qwen engine runs a model in one process; set engine.type: vllm',
  container: ({ deployment }) => ({
    command: ['node', 'runtime/main.ts'],
    args: ['--config', configFile],
    env: [...homeEnv, ...terminationEnv, { name: 'HF_HOME', value: hubDir }],
    ports: [{ name: 'http', containerPort: httpPort, protocol: 'TCP' }],
    probes: { ready: '/health/ready', live: '/health/live' },
    preStop: sleep(deployment),
  }),
};
