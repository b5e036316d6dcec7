import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { root } from '../house/imports.ts';
import type { Outcome } from './command.ts';
import { helm } from './helm.ts';

const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
});
export type Manifest = z.infer<typeof manifest>;

export const chart = (name: 'qwenfleet' | 'qwenfleet-crds'): string => path.join(root, 'charts', name);
export const example = (name: string): string => path.join(root, 'examples/helm', name);

/** Values that people install with: none of their own, and every example. */
export const valueSets = [
  'standard',
  'first-fleet.yaml',
  'gpu-fleet.yaml',
  'two-namespaces.yaml',
  'strict.yaml',
] as const;
export const valueArgs = (set: (typeof valueSets)[number]): string[] =>
  set === 'standard' ? [] : ['--values', example(set)];

/** What `helm template` says to a release called qwenfleet in a namespace of that name. */
export const template = (args: readonly string[] = [], input?: string): Promise<Outcome> =>
  helm(['template', 'qwenfleet', chart('qwenfleet'), '--namespace', 'qwenfleet', ...args], input);

/** The objects of that release. Throws with helm's words when it refuses. */
export async function rendered(args: readonly string[] = [], input?: string): Promise<Manifest[]> {
  const { code, stdout, stderr } = await template(args, input);
  if (code !== 0) throw new Error(`helm template ${args.join(' ')}: ${stderr}`);
  return manifestsOf(stdout);
}

export const manifestsOf = (yaml: string): Manifest[] =>
  parseAllDocuments(yaml)
    .map((document): unknown => document.toJS())
    .filter((object) => object !== null && object !== undefined)
    .map((object) => manifest.parse(object));

/** The one object of a kind, and of a name where there are several. */
export function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  const [object] = found;
  if (!object || found.length > 1) throw new Error(`there are ${found.length} of ${kind} ${name ?? ''}`);
  return object;
}
