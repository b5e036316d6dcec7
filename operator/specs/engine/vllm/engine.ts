import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import { cacheDir, hubDir } from '../../weights/paths.ts';
import { homeEnv } from '../../home-env.ts';
import { httpPort, type EngineInput, type PodEngine } from '../engine.ts';
import { computeArgs, modelArgs, serverArgs } from './arguments.ts';
import { drain } from './drain.ts';
import { vllmLoad } from './load.ts';

const command = ['vllm', 'serve'] as const;

/** vLLM's OpenAI server, over as many devices and nodes as the pool's parallelism says. */
export const vllmEngine: PodEngine = {
  type: 'vllm',
  reading: 'hub',
  configured: false,
  metricsPort: 'http',
  tokenSeconds: 'vllm:inter_token_latency_seconds',
  load: vllmLoad,
  refusal: () => undefined,
  container: (input) => ({
    command,
    args: [...modelArgs(input), ...serverArgs(input), ...computeArgs(input)],
    env: env(input),
    ports: [{ name: 'http', containerPort: httpPort, protocol: 'TCP' }],
    probes: { ready: '/health', live: '/health' },
    preStop: drain(input.deployment),
  }),
  spanning: {
    leaderArgs: (input) => [...groupArgs(input), '--node-rank', '0'],
    worker: (input) => ({
      command,
      args: [
        ...modelArgs(input),
        ...computeArgs(input),
        ...groupArgs(input),
        '--node-rank',
        '$(LWS_WORKER_INDEX)',
        '--headless',
      ],
      env: env(input),
    }),
  },
};

/** A LeaderWorkerSet tells each pod where the first one is, and which one it is itself. */
const groupArgs = ({ parallelism: { nodes } }: EngineInput): string[] => [
  '--nnodes',
  String(nodes),
  '--master-addr',
  '$(LWS_LEADER_ADDRESS)',
];

/** Everything that it and its compilers write goes to the cache: the root is read-only, and the user has no home. */
function env({ weights }: EngineInput): IEnvVar[] {
  const offline = weights.location.startsWith('/') ? [{ name: 'HF_HUB_OFFLINE', value: '1' }] : [];
  return [
    ...homeEnv,
    // PyTorch's compiler asks for a name, which a user without an entry in /etc/passwd does not have.
    { name: 'USER', value: 'vllm' },
    { name: 'HF_HOME', value: hubDir },
    { name: 'VLLM_CACHE_ROOT', value: `${cacheDir}/vllm` },
    { name: 'TORCHINDUCTOR_CACHE_DIR', value: `${cacheDir}/inductor` },
    { name: 'TRITON_CACHE_DIR', value: `${cacheDir}/triton` },
    { name: 'VLLM_NO_USAGE_STATS', value: '1' },
    ...offline,
  ];
}
