import type { IEnvVar } from 'kubernetes-models/v1/EnvVar';

/** Where images that run as an unknown user may write. */
export const homeEnv: readonly IEnvVar[] = [{ name: 'HOME', value: '/tmp' }];

/** Where programs of ours leave the reason why they could not go on: the kubelet's own default. */
export const terminationEnv: readonly IEnvVar[] = [
  { name: 'QWENFLEET_TERMINATION_LOG', value: '/dev/termination-log' },
];
