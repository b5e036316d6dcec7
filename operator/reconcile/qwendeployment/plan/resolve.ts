import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import { tierOf, type Tier } from '@qwenfleet/core/fleet/tier';
import type { HardwareClass, QwenDeployment } from '@qwenfleet/crds/kinds';
import { gapsOf, type EngineType, type Substrate } from '../../substrate.ts';

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
  maxConcurrency: number;
  contextLength: number;
  threads: number;
  /** `SmolLM2-135M-Instruct int4` */
  description: string;
  notActedOn: { path: string; reason: string }[];
  /** Why nothing can be started, when that is known before trying. */
  blocked: { condition: 'ModelResolved' | 'WorkloadAvailable'; reason: string; message: string } | undefined;
};

/** What our runtime computes for each name of the API; a note says where the two differ. */
const quantizations: Record<Spec['quantization'], { to: Quantization; note?: string }> = {
  none: { to: 'float32' },
  float32: { to: 'float32' },
  int8: { to: 'int8' },
  int4: { to: 'int4' },
  'gguf-q4': { to: 'int4' },
  fp8: { to: 'int8', note: 'the qwen engine has no 8-bit floats yet and computes in int8' },
  'awq-int4': { to: 'int4', note: 'the qwen engine quantises to int4 by itself; it does not read AWQ checkpoints yet' },
  'gptq-int4': {
    to: 'int4',
    note: 'the qwen engine quantises to int4 by itself; it does not read GPTQ checkpoints yet',
  },
};

const concurrencyDefault = 64;
const contextLengthDefault = 8192;

/** Makes every choice that the spec leaves open, from the hardware class and from what the substrate can do. */
export function resolveDeployment(
  { metadata, spec }: QwenDeployment,
  hardwareClass: HardwareClass | undefined,
  substrate: Substrate,
): Resolved {
  const engine = chooseEngine(spec);
  const { to: quantization, note } = quantizations[spec.quantization];
  const ours = engine.type === 'qwen';
  const notes = ours && note !== undefined ? [{ path: 'spec.quantization', reason: note }] : [];
  if (ours && hardwareClass?.spec.accelerator && !substrate.accelerators) {
    notes.push({ path: 'spec.hardware', reason: `${substrate.name} has no accelerators to give; replicas run on CPU` });
  }
  if (spec.replicas !== undefined && spec.scaling?.owner === 'Internal') {
    notes.push({ path: 'spec.replicas', reason: 'left by another scaler; scaling.owner Internal decides now' });
  }
  return {
    ...limitsOf(spec, hardwareClass, substrate),
    name: metadata.name,
    servedName: spec.model.servedName ?? metadata.name,
    aliases: spec.model.aliases ?? [],
    tier: tierOf(spec.tier) ?? 'medium',
    engine,
    quantization,
    description: describe(spec, engine.type),
    notActedOn: [...notes, ...gapsOf(substrate.deploymentGaps, spec)],
    blocked: blockedBy(spec, engine.type, substrate),
  };
}

/** What the spec says, else the hardware class, else the substrate. */
function limitsOf(
  { engine }: Spec,
  hardwareClass: HardwareClass | undefined,
  substrate: Substrate,
): Pick<Resolved, 'maxConcurrency' | 'contextLength' | 'threads'> {
  const byClass = hardwareClass?.spec;
  return {
    maxConcurrency: engine.maxConcurrency ?? byClass?.maxConcurrency ?? concurrencyDefault,
    contextLength: engine.contextLength ?? byClass?.contextLength ?? contextLengthDefault,
    threads: engine.threads ?? byClass?.threads ?? substrate.threads,
  };
}

function chooseEngine(spec: Spec): Resolved['engine'] {
  if (spec.engine.type !== undefined) return { type: spec.engine.type, reason: 'as the spec says' };
  const count = spec.hardware?.count ?? 1;
  if (count === 1) return { type: 'qwen', reason: 'one device' };
  return { type: 'vllm', reason: `${count} devices share a model` };
}

function blockedBy(spec: Spec, engine: EngineType, substrate: Substrate): Resolved['blocked'] {
  if (!substrate.engines.includes(engine)) {
    const known = substrate.engines.join(' or ');
    const message = `${substrate.name} does not run engine ${engine} yet; set spec.engine.type to ${known}`;
    return { condition: 'WorkloadAvailable', reason: 'NotImplemented', message };
  }
  if (engine === 'external') return undefined;
  const scheme = spec.model.uri?.split('://')[0];
  if (substrate.schemes.some((known) => known === scheme)) return undefined;
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
  if (spec.model.task === 'Embed') return `${spec.model.servedName ?? name} float32`;
  return `${name} ${quantizations[spec.quantization].to}`;
}
