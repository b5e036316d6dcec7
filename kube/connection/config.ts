import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where Kubernetes tells every pod to find the API server. */
export const apiServerOfPod = (): { host: string | undefined; port: string | undefined } => ({
  host: process.env['KUBERNETES_SERVICE_HOST'],
  port: process.env['KUBERNETES_SERVICE_PORT'],
});

/** Is there a kubeconfig where kubectl would look for one? */
export function hasKubeconfig(): boolean {
  const { KUBECONFIG = '', HOME, USERPROFILE } = process.env;
  // Not from node:os, which throws where the user of a container has no name.
  const home = HOME ?? USERPROFILE ?? '';
  return KUBECONFIG !== '' || (home !== '' && existsSync(path.join(home, '.kube', 'config')));
}
