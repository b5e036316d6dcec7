import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';
import type { EngineType } from '../../reconcile/substrate.ts';
import { envVarOf, mergeEnv } from '../env.ts';
import type { Egress } from './weights.ts';

type Input = { spec: QwenDeployment['spec']; hardwareClass: HardwareClass | undefined; engine: EngineType };

/** What people add to an engine's environment, those of the pool after those of its hardware class. */
export function givenEnv({ spec, hardwareClass, engine }: Input): IEnvVar[] {
  const byClass = hardwareClass?.spec.engines?.find(({ type }) => type === engine);
  return mergeEnv((byClass?.env ?? []).map(envVarOf), (spec.engine.env ?? []).map(envVarOf));
}

/** HTTPS, and the port of another endpoint where the environment names one such as `HF_ENDPOINT`. */
export function egressTo(endpointVariable: string, input: Input): Egress {
  const found = givenEnv(input).find(({ name }) => name === endpointVariable);
  if (!found) return [443];
  if (found.value === undefined) return 'any';
  const port = portOf(found.value);
  return port === undefined ? [443] : [...new Set([443, port])];
}

/** Undefined for what is no URL, which the engine will refuse by itself. */
export function portOf(url: string): number | undefined {
  if (!URL.canParse(url)) return undefined;
  const { port, protocol } = new URL(url);
  if (port !== '') return Number(port);
  return protocol === 'http:' ? 80 : 443;
}

/** Variables that the endpoint's own tool reads, handed to the init container too. */
export const givenVariables = (names: readonly string[], input: Input): IEnvVar[] =>
  givenEnv(input).filter(({ name }) => names.includes(name));
