import * as kube from '@qwenfleet/kube/index';

const environment = kube.systemEnvironment();
const connection = await kube.connect({ from: 'default' }, environment);
const client = kube.KubeClient.over({ connection }, environment);

const teams = kube.listWatch(client, kube.namespaces, { labelSelector: 'team' });
const ours = kube.listWatch(client, kube.configMaps, { labelSelector: 'managed-by=teams' });
const namespaces = new kube.Reflector({ name: 'namespaces', source: teams }, environment);
const maps = new kube.Reflector({ name: 'configmaps', source: ours }, environment);

/** Every namespace with the label `team` has a ConfigMap that says so, whoever changes or deletes it. */
async function reconcile(name: string, { signal }: { signal: AbortSignal }): Promise<void> {
  const team = namespaces.cache.get(name)?.metadata.labels?.['team'];
  if (team === undefined || maps.cache.get(`${name}/team`)?.data?.['team'] === team) return;
  const metadata = { name: 'team', namespace: name, labels: { 'managed-by': 'teams' } };
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { team } };
  await client.apply(map, { fieldManager: 'teams', force: true, signal });
}

const wakes = ({ object }: { object: kube.KubeObject }): string[] => [object.metadata.namespace ?? ''];
const sources = [kube.changesOf(namespaces), kube.changesOf(maps, wakes)];
const controller = new kube.Controller({ name: 'teams', sources, reconcile }, environment);
for (const part of [namespaces, maps, controller]) part.start();

async function stop(): Promise<void> {
  for (const part of [controller, namespaces, maps]) await part.stop();
  await connection.close();
}
process.once('SIGTERM', () => void stop());
