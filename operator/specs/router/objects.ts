import type { KubeObject } from '../object.ts';
import { configSecret } from './config-secret.ts';
import { deployment } from './deployment.ts';
import { httpRoute } from './http-route.ts';
import { networkPolicy } from './network-policy.ts';
import { podDisruptionBudget } from './pod-disruption-budget.ts';
import { podMonitor } from './pod-monitor.ts';
import { role, roleBinding } from './role.ts';
import type { RouterInput } from './router.ts';
import { serviceAccount } from './service-account.ts';
import { service } from './service.ts';

/** Everything of a router, in the order in which it is applied: what its pods need comes before them. */
export function routerObjects(input: RouterInput): KubeObject[] {
  const { router, config, image, capabilities, integrations } = input;
  const gateway = capabilities.gatewayApi ? integrations.gateway : undefined;
  return [
    serviceAccount(router),
    role(router, capabilities),
    roleBinding(router),
    ...(config ? [configSecret(router, config)] : []),
    service(router),
    podDisruptionBudget(router),
    networkPolicy(input),
    ...(capabilities.prometheusOperator ? [podMonitor(router, integrations)] : []),
    ...(gateway ? [httpRoute(router, gateway)] : []),
    deployment(router, image),
  ];
}
