import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IProbe } from 'kubernetes-models/v1/Probe';
import type { EngineContainer, EngineInput } from '../engine/engine.ts';
import { mergeEnv } from '../env.ts';
import { secondsOf } from '../seconds.ts';
import { containerSecurity } from '../security.ts';
import { givenEnv } from '../weights/endpoint.ts';
import type { Pool } from './pool.ts';
import { resourcesOf } from './resources.ts';
import { mountsOf } from './volumes.ts';

/** The name by which a patch of the pod template finds the container. */
export const engineContainerName = 'engine';

const startupPeriodSeconds = 5;
/** A server that computes may be slow to answer a probe, and is not dead for it. */
const probeTimeoutSeconds = 5;

/** The container of a pod that answers requests. */
export function engineContainer(pool: Pool): IContainer {
  const built = pool.engine.container(engineInput(pool));
  const spanning = pool.parallelism.nodes > 1 ? pool.engine.spanning : undefined;
  const args = [...built.args, ...(spanning?.leaderArgs(engineInput(pool)) ?? [])];
  return { ...containerOf(pool, { ...built, args }), ...lifecycleOf(pool, built), ports: [...built.ports] };
}

/** The container of a pod that computes for another one: it answers nobody, so nobody asks it. */
export function workerContainer(pool: Pool): IContainer | undefined {
  const built = pool.engine.spanning?.worker(engineInput(pool));
  return built && containerOf(pool, built);
}

const engineInput = ({ deployment, hardwareClass, resolved, weights, parallelism }: Pool): EngineInput => ({
  deployment,
  hardwareClass,
  resolved,
  weights,
  parallelism,
});

function containerOf(pool: Pool, built: Pick<EngineContainer, 'command' | 'args' | 'env'>): IContainer {
  const { deployment, hardwareClass, engine, weights, images } = pool;
  const byClass = hardwareClass?.spec.engines?.find(({ type }) => type === engine.type);
  const given = givenEnv({ spec: deployment.spec, hardwareClass, engine: engine.type });
  return {
    name: engineContainerName,
    image: deployment.spec.engine.image ?? byClass?.image ?? images[engine.type],
    imagePullPolicy: 'IfNotPresent',
    command: [...built.command],
    // Whatever reads arguments lets the last of a name win: the class before the pool.
    args: [...built.args, ...(byClass?.args ?? []), ...(deployment.spec.engine.args ?? [])],
    env: mergeEnv(built.env, weights.env, given),
    resources: resourcesOf(pool),
    securityContext: containerSecurity,
    // The end of the log, where a process leaves no better word: it becomes the reason in the status of the pool.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: mountsOf(pool),
  };
}

function lifecycleOf({ deployment }: Pool, { probes, preStop }: EngineContainer): Partial<IContainer> {
  const deadlineSeconds = secondsOf(deployment.spec.rollout.progressDeadline, startupPeriodSeconds);
  return {
    // Loading may take as long as a rollout may stand still; the other two probes begin after it.
    startupProbe: {
      ...probe(probes.ready, startupPeriodSeconds),
      failureThreshold: Math.ceil(deadlineSeconds / startupPeriodSeconds),
    },
    readinessProbe: { ...probe(probes.ready, 2), failureThreshold: 3 },
    livenessProbe: { ...probe(probes.live, 10), failureThreshold: 6 },
    lifecycle: { preStop },
  };
}

const probe = (path: string, periodSeconds: number): IProbe => ({
  httpGet: { path, port: 'http' },
  periodSeconds,
  timeoutSeconds: probeTimeoutSeconds,
});
