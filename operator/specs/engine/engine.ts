import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Resolved } from '../../reconcile/qwendeployment/plan/resolve.ts';
import type { Weights } from '../weights.ts';

export type EnvironmentVariable = { name: string; value?: string; valueFrom?: unknown };

export type EngineInput = {
  deployment: QwenDeployment;
  hardwareClass: HardwareClass | undefined;
  resolved: Resolved;
  weights: Weights;
  /** Image where neither the pool nor its hardware class names one. */
  defaultImage: string;
};

/** What an engine needs of its container. */
export type EngineContainer = {
  image: string;
  command?: readonly string[];
  args: readonly string[];
  env: readonly EnvironmentVariable[];
  /** Answers 200 once the model is loaded. */
  readyPath: string;
  /** Fails only when restarting is the remedy. */
  livePath: string;
};

/** One way to run a model in a pod. */
export type Engine = {
  type: 'qwen' | 'vllm' | 'triton';
  /** Where it listens. */
  port: number;
  /** Whether it reads the runtime's configuration from a ConfigMap. */
  configured: boolean;
  container(input: EngineInput): EngineContainer;
};

/** The pool's own image, else its hardware class's, else the operator's default. */
export function imageOf({ deployment, hardwareClass, resolved, defaultImage }: EngineInput): string {
  const byClass = hardwareClass?.spec.engines?.find(({ type }) => type === resolved.engine.type);
  return deployment.spec.engine.image ?? byClass?.image ?? defaultImage;
}

/** The hardware class's first, so that the pool has the last word. */
export function userArgs({ deployment, hardwareClass, resolved }: EngineInput): string[] {
  const byClass = hardwareClass?.spec.engines?.find(({ type }) => type === resolved.engine.type);
  return [...(byClass?.args ?? []), ...(deployment.spec.engine.args ?? [])];
}

export function userEnv({ deployment, hardwareClass, resolved }: EngineInput): EnvironmentVariable[] {
  const byClass = hardwareClass?.spec.engines?.find(({ type }) => type === resolved.engine.type);
  const all = [...(byClass?.env ?? []), ...(deployment.spec.engine.env ?? [])];
  return [...new Map(all.map((variable) => [variable.name, variable])).values()].map(withoutUndefined);
}

const withoutUndefined = ({ name, value }: { name: string; value?: string | undefined }): EnvironmentVariable =>
  value === undefined ? { name } : { name, value };
