import { builtinClasses } from '@qwenfleet/crds/hardwareclass/builtin';
import {
  apiVersion,
  deploymentSchema,
  hardwareSchema,
  routerSchema,
  secretSchema,
  type HardwareClass,
  type QwenDeployment,
  type QwenRouter,
  type Secret,
} from '@qwenfleet/crds/kinds';

type Fields = Record<string, unknown>;

/** A pool as the API server would hand it out: what is given here, and the defaults. */
export const deploymentOf = (spec: Fields = {}, metadata: Fields = {}): QwenDeployment =>
  deploymentSchema.parse({
    apiVersion,
    kind: 'QwenDeployment',
    metadata: { name: 'small', ...metadata },
    spec: { tier: 'small', model: { uri: 'hf://Qwen/Qwen3-0.6B' }, hardware: { class: 'cpu', count: 1 }, ...spec },
  });

export const routerOf = (spec: Fields = {}): QwenRouter =>
  routerSchema.parse({ apiVersion, kind: 'QwenRouter', metadata: { name: 'router' }, spec });

export const hardwareOf = (name: string, spec: Fields = {}): HardwareClass =>
  hardwareSchema.parse({ apiVersion, kind: 'HardwareClass', metadata: { name }, spec });

/** The class that exists without anybody writing it. */
export const cpuClass: HardwareClass = hardwareOf('cpu', builtinClasses.find(({ name }) => name === 'cpu')?.spec);

export const secretOf = (name: string, stringData: Record<string, string>): Secret =>
  secretSchema.parse({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
