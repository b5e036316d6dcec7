import type { QwenRouter } from '@qwenfleet/crds/kinds';
import { routerLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';

/** Routers watch the API server, so their pods mount a token of it; nothing else that uses the account does. */
export function serviceAccount(router: QwenRouter): KubeObject {
  const { name } = router.metadata;
  const head = { apiVersion: 'v1', kind: 'ServiceAccount', name, labels: routerLabels(name) };
  return child(router, head, { automountServiceAccountToken: false });
}
