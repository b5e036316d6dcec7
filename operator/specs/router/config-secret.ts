import type { RouterConfig } from '@qwenfleet/core/fleet/router-config';
import type { QwenRouter } from '@qwenfleet/crds/kinds';
import { routerLabels } from '../labels.ts';
import { child, type KubeObject } from '../object.ts';
import { configKey, configSecretName, listenPort } from './router.ts';

/**
 * What routers are told: a Secret, because upstream servers' tokens and digests of clients' keys are in it. They watch
 * it, so a change reaches them without a restart.
 */
export function configSecret(router: QwenRouter, config: RouterConfig): KubeObject<{ data: Record<string, string> }> {
  const { name } = router.metadata;
  const head = { apiVersion: 'v1', kind: 'Secret', name: configSecretName(name), labels: routerLabels(name) };
  const inPod: RouterConfig = { ...config, listen: { host: '0.0.0.0', port: listenPort } };
  return child(router, head, {
    type: 'Opaque',
    data: { [configKey]: Buffer.from(JSON.stringify(inPod)).toString('base64') },
  });
}
