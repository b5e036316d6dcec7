import { routerSchema, apiVersion } from '@qwenfleet/crds/kinds';
import { noCapabilities } from '@qwenfleet/operator/specs/capabilities';
import { role } from '@qwenfleet/operator/specs/router/role';

/** The rules of the Role that the operator makes for each router, when every optional kind is there. */
export function routerRules(name: string): ReturnType<typeof role>['rules'] {
  const router = routerSchema.parse({ apiVersion, kind: 'QwenRouter', metadata: { name }, spec: {} });
  return role(router, { ...noCapabilities, leaderWorkerSet: true }).rules;
}
