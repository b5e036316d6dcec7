import type { PoolPrice } from '@qwenfleet/core/fleet/router-config';
import type { AdapterReference, Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { tierOf, type Tier } from '@qwenfleet/core/fleet/tier';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import { quantityValue } from '../../../specs/quantity.ts';
import { gapsOf, type Blocked, type Candidate, type EngineType, type Substrate } from '../../substrate.ts';
import { poolAdapters } from './adapters.ts';
import { priceOf } from './price.ts';

type Spec = QwenDeployment['spec'];

/** A QwenDeployment with every choice made that its spec leaves open. */
export type Resolved = {
  name: string;
  servedName: string;
  /** Other names that clients may use. */
  aliases: string[];
  tier: Tier;
  engine: { type: EngineType; reason: string };
  quantization: Quantization;
  /** Loaded with the model, each under its own name. */
  adapters: AdapterReference[];
  maxConcurrency: number;
  contextLength: number;
  threads: number;
  price: PoolPrice;
  /** `SmolLM2-135M-Instruct int4` */
  description: string;
  notActedOn: { path: string; reason: string }[];
  /** Why nothing can be started, when that is known before trying. */
  blocked: Blocked | undefined;
};

/** What our runtime computes for each name of the API; a note says where the two differ. */
const quantizations: Record<Spec['quantization'], { to: Quantization; note?: string }> = {
  none: { to: 'float32' },
  float32: { to: 'float32' },
  int8: { to: 'int8' },
  int4: { to: 'int4' },
  'gguf-q4': { to: 'int4' },
  fp8: { to: 'int8', note: 'the qwen engine has no 8-bit floats yet and computes in int8' },
  'awq-int4': { to: 'int4' },
  'gptq-int4': { to: 'int4' },
};

const concurrencyDefault = 64;
const contextLengthDefault = 8192;

/** What vLLM makes of each name, where that is not what the name says. */
const vllmNotes: Partial<Record<Spec['quantization'], string>> = {
  int8: 'vllm does not quantise to int8 while loading: it takes the precision of the checkpoint; choose one in w8a8',
};

/** Which engines compute on the accelerator that their pod is given. */
const usesAccelerator: Record<EngineType, boolean> = { qwen: false, vllm: true, triton: true, external: true };

/** Makes every choice that the spec leaves open, from the hardware class and from what the substrate can do. */
export function resolveDeployment(
  deployment: QwenDeployment,
  hardwareClass: HardwareClass | undefined,
  substrate: Substrate,
): Resolved {
  const { metadata, spec } = deployment;
  const engine = chooseEngine(spec, hardwareClass);
  const { list: adapters, refused } = poolAdapters(spec, engine.type, substrate);
  return {
    ...limitsOf(spec, hardwareClass, substrate),
    name: metadata.name,
    servedName: spec.model.servedName ?? metadata.name,
    aliases: spec.model.aliases ?? [],
    tier: tierOf(spec.tier) ?? 'medium',
    engine,
    quantization: quantizations[spec.quantization].to,
    adapters,
    price: priceOf(spec, hardwareClass),
    description: describe(spec, engine.type),
    notActedOn: [
      ...quantizationNotes(spec, engine.type),
      ...acceleratorNotes(engine.type, hardwareClass, substrate),
      ...leftOverReplicas(spec),
      ...(refused === undefined ? [] : [{ path: 'spec.adapters', reason: refused }]),
      ...gapsOf(substrate.deploymentGaps, spec),
    ],
    blocked: blockedBy({ deployment, hardwareClass, engine: engine.type }, substrate),
  };
}

const leftOverReplicas = ({ replicas, scaling }: Spec): Resolved['notActedOn'] =>
  replicas !== undefined && scaling?.owner === 'Internal'
    ? [{ path: 'spec.replicas', reason: 'left by another scaler; scaling.owner Internal decides now' }]
    : [];

function quantizationNotes({ quantization }: Spec, engine: EngineType): Resolved['notActedOn'] {
  const notes: Partial<Record<EngineType, string | undefined>> = {
    qwen: quantizations[quantization].note,
    vllm: vllmNotes[quantization],
  };
  const reason = notes[engine];
  return reason === undefined ? [] : [{ path: 'spec.quantization', reason }];
}

function acceleratorNotes(
  engine: EngineType,
  hardwareClass: HardwareClass | undefined,
  { name, accelerators }: Substrate,
): Resolved['notActedOn'] {
  if (engine === 'external' || !hardwareClass?.spec.accelerator) return [];
  const path = 'spec.hardware';
  if (!accelerators) return [{ path, reason: `${name} has no accelerators to give; replicas run on CPU` }];
  if (usesAccelerator[engine]) return [];
  return [
    { path, reason: `the ${engine} engine computes on the CPU beside the accelerator; engine.type vllm uses it` },
  ];
}

/** What the spec says, else the hardware class, else the substrate. */
function limitsOf(
  { engine, hardware }: Spec,
  hardwareClass: HardwareClass | undefined,
  substrate: Substrate,
): Pick<Resolved, 'maxConcurrency' | 'contextLength' | 'threads'> {
  const byClass = hardwareClass?.spec;
  return {
    maxConcurrency: engine.maxConcurrency ?? byClass?.maxConcurrency ?? concurrencyDefault,
    contextLength: engine.contextLength ?? byClass?.contextLength ?? contextLengthDefault,
    threads: engine.threads ?? byClass?.threads ?? threadsOf(hardware?.count ?? 1, hardwareClass, substrate),
  };
}

/** The most that a runtime accepts. */
const threadsMax = 256;

function threadsOf(devices: number, hardwareClass: HardwareClass | undefined, substrate: Substrate): number {
  const cpu = hardwareClass?.spec.resources.cpu;
  if (!substrate.reservesCpu || cpu === undefined) return substrate.threads;
  return Math.min(threadsMax, Math.max(1, Math.floor(quantityValue(cpu) * devices)));
}

/** The engine that runs a pool, and why. */
export function chooseEngine(spec: Spec, hardwareClass: HardwareClass | undefined): Resolved['engine'] {
  if (spec.engine.type !== undefined) return { type: spec.engine.type, reason: 'as the spec says' };
  const count = spec.hardware?.count ?? 1;
  if (count === 1) return { type: 'qwen', reason: 'one device' };
  if (hardwareClass && !hardwareClass.spec.accelerator) return { type: 'qwen', reason: 'no accelerators to share' };
  return { type: 'vllm', reason: `${count} devices share a model` };
}

function blockedBy(candidate: Candidate, substrate: Substrate): Blocked | undefined {
  const { deployment, engine, hardwareClass } = candidate;
  const { spec } = deployment;
  if (!substrate.engines.includes(engine)) {
    const known = substrate.engines.join(' or ');
    const message = `${substrate.name} does not run engine ${engine} yet; set spec.engine.type to ${known}`;
    return { condition: 'WorkloadAvailable', reason: 'NotImplemented', message };
  }
  if (engine === 'external') return undefined;
  const wanted = spec.hardware?.class;
  if (!hardwareClass && wanted !== undefined) {
    const message = `there is no HardwareClass "${wanted}"; make it, or name one that "kubectl get hardwareclasses" shows`;
    return { condition: 'WorkloadAvailable', reason: 'HardwareClassMissing', message };
  }
  const scheme = spec.model.uri?.split('://')[0];
  if (substrate.schemes.some((known) => known === scheme)) return substrate.refusal?.(candidate);
  const known = substrate.schemes.map((name) => `${name}://`).join(', ');
  const message = `${substrate.name} does not read ${scheme}:// yet; use one of ${known}`;
  return { condition: 'ModelResolved', reason: 'NotImplemented', message };
}

/** The last part of the address without its file type, and the precision: what a person calls the model. */
function describe(spec: Spec, engine: EngineType): string {
  if (engine === 'external') {
    return `${spec.engine.upstreamModel ?? spec.model.servedName ?? 'model'} at an external server`;
  }
  const parts = (spec.model.uri ?? '').split('/').filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  const name = last.replace(/\.(gguf|safetensors)$/i, '').replace(/[.-](i?q\d\w*|f16|f32|bf16)$/i, '');
  if (engine !== 'qwen') return spec.quantization === 'none' ? name : `${name} ${spec.quantization}`;
  if (spec.model.task === 'Embed') return `${spec.model.servedName ?? name} float32`;
  return `${name} ${quantizations[spec.quantization].to}`;
}
