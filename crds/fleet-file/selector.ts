import type { QwenDeployment, QwenRouter } from '../kinds.ts';

type Selector = QwenRouter['spec']['pools']['selector'];

/** Whether a router's selector takes a pool, by Kubernetes' rules; an empty selector takes every one. */
export function selects(selector: Selector, deployment: QwenDeployment): boolean {
  const labels = deployment.metadata.labels ?? {};
  const byLabel = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return byLabel && (selector.matchExpressions ?? []).every((requirement) => holds(requirement, labels));
}

function holds(
  { key, operator, values = [] }: NonNullable<Selector['matchExpressions']>[number],
  labels: Record<string, string>,
): boolean {
  const value = labels[key];
  const isIn = value !== undefined && values.includes(value);
  return { In: isIn, NotIn: !isIn, Exists: value !== undefined, DoesNotExist: value === undefined }[operator];
}
