import { readFileSync } from 'node:fs';
import path from 'node:path';
import { kinds } from '@qwenfleet/crds/kinds';
import { openApiOf, type Schema } from '@qwenfleet/crds/openapi';
import { describe, expect, it } from 'vitest';
import { root, sourceFiles } from './imports.ts';

const guide = readFileSync(path.join(root, 'docs/guides/troubleshooting.md'), 'utf8');

/** Folders whose code says why something is as it is. */
const speaking = /^operator\/(reconcile|cluster|rollout|specs\/weights|specs\/pool\/refusal)\b(?!.*harness\/)/;

/** Words of Kubernetes' own, and of our results, that no condition and no event has as a reason. */
const otherWords = new Set(
  [
    'True False Unknown Normal Warning Pod Deployment LeaderWorkerSet ReplicaSet Service ServiceAccount ConfigMap Secret',
    'NetworkPolicy PodDisruptionBudget Role RoleBinding ResourceClaimTemplate Succeeded Failed Bound Background Pending',
    'CrashLoopBackOff ImagePullBackOff ErrImagePull ErrImageNeverPull InvalidImageName ImageInspectError',
    'RegistryUnavailable SignatureValidationFailed CreateContainerConfigError CreateContainerError RunContainerError',
    'SchedulingGated PodScheduled ReplicaFailure IfNotPresent FallbackToLogsOnError TCP Exists Equal NoExecute',
    'ScheduleAnyway DoNotSchedule RollingUpdate RuntimeDefault Memory ReadWriteOnce PathPrefix Prefix Egress Ingress',
    'LeaderCreated RecreateGroupOnPodRestart ClusterIP Utilization AverageValue Value Pods Percent Min Max Resource',
    'External Object HTTPRoute InferencePool Gateway ScaledObject HorizontalPodAutoscaler PodMonitor PrometheusRule',
    'USER Scale Reconcile Rollout Ready Unavailable ABTest',
  ].flatMap((line) => line.split(' ')),
);

/** Values of fields, which are choices of people. */
function choices(schema: Schema): string[] {
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items ? [schema.items] : [])];
  return [...(schema.enum ?? []).map(String), ...below.flatMap(choices)];
}

const chosen = new Set(kinds.flatMap((kind) => [kind.kind, ...choices(openApiOf(kind.spec))]));

/** Names of conditions: what `holds`, `fails` and `unknown` are given first, by themselves or as `type`. */
const conditionTypes = new Set(
  'Ready ModelResolved ModelCached WorkloadAvailable Progressing RolloutHealthy ScalingActive RouterProgrammed AdaptersLoaded SLOMet PoolsSelected RoutersAvailable ConfigProgrammed'.split(
    ' ',
  ),
);

/** Every word in capitals and small letters that the code could give as a reason, and where. */
const reasons = new Map(
  sourceFiles()
    .filter((file) => !file.isTest && speaking.test(file.path))
    .flatMap(({ path: file, text }) =>
      [...text.matchAll(/'([A-Z][a-zA-Z]*[a-z][a-zA-Z]*)'/g)].map(([, word = '']) => [word, file] as const),
    )
    .filter(([word]) => !otherWords.has(word) && !chosen.has(word) && !conditionTypes.has(word)),
);

describe('the guide to troubleshooting', () => {
  it('has a line for every reason that the operator can give', () => {
    expect(reasons.size).toBeGreaterThan(50);
    const missing = [...reasons].filter(([word]) => !guide.includes(`\`${word}\``));
    expect(missing.map(([word, file]) => `${word} (${file})`)).toEqual([]);
  });

  it('has a heading for every condition', () => {
    expect([...conditionTypes].filter((type) => !guide.includes(`# ${type}\n`))).toEqual([]);
  });

  it('explains no reason that nobody gives', () => {
    const explained = [...guide.matchAll(/^\| `(\w+)` \|/gm)].map(([, word = '']) => word);
    // A few are choices of people as well, such as External.
    const given = (word: string): boolean => reasons.has(word) || otherWords.has(word) || chosen.has(word);
    expect(explained.filter((word) => !given(word))).toEqual([]);
  });
});
