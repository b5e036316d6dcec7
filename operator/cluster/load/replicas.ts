import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Pod } from '@qwenfleet/kube/kinds';
import { conditionOf } from '../../reconcile/qwendeployment/plan/pods/live.ts';
import { isEngineMetric } from '../../scale/metrics.ts';
import { httpPort } from '../../specs/engine/engine.ts';
import type { EngineLoad, EngineReport } from '../../specs/engine/load.ts';
import { roleLabel } from '../../specs/labels.ts';
import type { Address } from './poller.ts';

/** Is the pool scaled by what only its engines know? The routers know the rest. */
export const asksReplicas = ({ spec: { scaling } }: QwenDeployment): boolean =>
  scaling?.owner === 'Internal' && isEngineMetric(scaling.target.metric);

/** Where the ready replicas among these pods say how full their engine is. */
export const replicaAddresses = (pods: readonly Pod[], { path, read }: EngineLoad): Address<EngineReport>[] =>
  answeringReplicas(pods).map(({ id, origin }) => ({ id, url: `${origin}${path}`, read }));

/** Where the ready replicas among these pods answer. */
export const answeringReplicas = (pods: readonly Pod[]): { id: string; origin: string }[] =>
  pods.flatMap((pod) => {
    const { metadata, status } = pod;
    const answers = conditionOf(pod, 'Ready')?.status === 'True' && metadata.deletionTimestamp === undefined;
    if (!answers || status?.podIP === undefined || metadata.labels?.[roleLabel] === 'worker') return [];
    return [{ id: metadata.uid ?? metadata.name, origin: urlOf(status.podIP, httpPort) }];
  });

/** Of a pod's port; addresses of IPv6 are written in brackets. */
export const urlOf = (podIP: string, port: number): string =>
  `http://${podIP.includes(':') ? `[${podIP}]` : podIP}:${port}`;
