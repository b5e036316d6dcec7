import { loadReportSchema } from '@qwenfleet/core/load/report';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Pod } from '@qwenfleet/kube/kinds';
import { conditionOf } from '../../reconcile/qwendeployment/plan/pods/live.ts';
import { isEngineMetric, type ReplicaSample } from '../../scale/metrics.ts';
import { httpPort } from '../../specs/engine/engine.ts';
import { roleLabel } from '../../specs/labels.ts';
import { LoadPoller, type Address, type PollerParts } from './poller.ts';

/** Asks replicas how full their engines are. */
export const replicaPoller = (parts: Omit<PollerParts<ReplicaSample>, 'read' | 'onRound'>): LoadPoller<ReplicaSample> =>
  new LoadPoller<ReplicaSample>({ ...parts, read: (json) => loadReportSchema.parse(json) });

/** Is the pool scaled by what only its engines know? The routers know the rest. */
export const asksReplicas = ({ spec: { scaling } }: QwenDeployment): boolean =>
  scaling?.owner === 'Internal' && isEngineMetric(scaling.target.metric);

/** Where the ready replicas among these pods answer. */
export const replicaAddresses = (pods: readonly Pod[]): Address[] =>
  pods.flatMap((pod) => {
    const { metadata, status } = pod;
    const answers = conditionOf(pod, 'Ready')?.status === 'True' && metadata.deletionTimestamp === undefined;
    if (!answers || status?.podIP === undefined || metadata.labels?.[roleLabel] === 'worker') return [];
    return [{ id: metadata.uid ?? metadata.name, url: urlOf(status.podIP, httpPort) }];
  });

/** Of a pod's port; addresses of IPv6 are written in brackets. */
export const urlOf = (podIP: string, port: number): string =>
  `http://${podIP.includes(':') ? `[${podIP}]` : podIP}:${port}`;
