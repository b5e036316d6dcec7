import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Blocked } from '../../substrate.ts';

/**
 * Names that clients ask for mean one pool in a namespace; no rule of one object can see that. Of two pools with the
 * same name the older one has it, so that a new pool never takes a name away from one that serves.
 */
export function nameConflict(deployment: QwenDeployment, others: readonly QwenDeployment[]): Blocked | undefined {
  const own = namesOf(deployment);
  for (const other of others) {
    if (other.metadata.name === deployment.metadata.name || !isOlder(other, deployment)) continue;
    const taken = namesOf(other).find((name) => own.includes(name));
    if (taken === undefined) continue;
    const message = `"${taken}" is served by QwenDeployment ${other.metadata.name} already; choose another servedName or alias`;
    return { condition: 'ModelResolved', reason: 'NameConflict', message };
  }
  return undefined;
}

/** Every name that clients may ask for the pool by. */
export const namesOf = ({ metadata, spec }: QwenDeployment): string[] => [
  metadata.name,
  ...(spec.model.servedName === undefined ? [] : [spec.model.servedName]),
  ...(spec.model.aliases ?? []),
  ...(spec.adapters ?? []).map(({ name }) => name),
];

/** Of two made in the same second the first by name is taken for the older, so that both sides agree. */
function isOlder(a: QwenDeployment, b: QwenDeployment): boolean {
  const [madeA, madeB] = [madeAt(a), madeAt(b)];
  return madeA === madeB ? a.metadata.name < b.metadata.name : madeA < madeB;
}

/** RFC 3339 sorts as text. */
const madeAt = ({ metadata: { creationTimestamp } }: QwenDeployment): string =>
  typeof creationTimestamp === 'string' ? creationTimestamp : '';
