import { imageOf, userArgs, userEnv, type Engine } from '../engine.ts';

export const configFile = '/etc/qwenfleet/runtime.json';

/** Our own runtime. It reads everything from its configuration, and pulls the weights itself. */
export const qwenEngine: Engine = {
  type: 'qwen',
  port: 8000,
  configured: true,
  container: (input) => ({
    image: imageOf(input),
    command: ['node', 'runtime/main.ts'],
    args: ['--config', configFile, ...userArgs(input)],
    env: [
      { name: 'QWENFLEET_TERMINATION_LOG', value: '/dev/termination-log' },
      ...input.weights.env,
      ...userEnv(input),
    ],
    readyPath: '/health/ready',
    livePath: '/health/live',
  }),
};
