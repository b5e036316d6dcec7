import { imageOf, userArgs, userEnv, type Engine } from '../engine.ts';

/** Triton Inference Server with its OpenAI-compatible front end, over a model repository. */
export const tritonEngine: Engine = {
  type: 'triton',
  port: 8000,
  configured: false,
  container: (input) => ({
    image: imageOf(input),
    command: ['tritonserver'],
    args: [`--model-repository=${input.weights.location}`, '--http-port=8000', ...userArgs(input)],
    env: [...input.weights.env, ...userEnv(input)],
    readyPath: '/v2/health/ready',
    livePath: '/v2/health/live',
  }),
};
