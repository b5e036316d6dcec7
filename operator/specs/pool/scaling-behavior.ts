import type { IHorizontalPodAutoscalerBehavior } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscalerBehavior';
import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import { secondsOf } from '../seconds.ts';

type Scaling = NonNullable<QwenDeployment['spec']['scaling']>;

/** What a HorizontalPodAutoscaler accepts. */
const periodSecondsMax = 1800;
const windowSecondsMax = 3600;

/** The pool's own pace, as a HorizontalPodAutoscaler writes it: factors are percent of what there is. */
export function scalingBehavior({ rate, window, scaleDownDelay }: Scaling): IHorizontalPodAutoscalerBehavior {
  const periodSeconds = Math.min(periodSecondsMax, secondsOf(window.stable, 1));
  const removed = Math.max(1, Math.floor(100 * (1 - 1 / rate.down)));
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 100 * (rate.up - 1), periodSeconds },
        { type: 'Pods', value: 1, periodSeconds },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: Math.min(windowSecondsMax, secondsOf(scaleDownDelay, 0)),
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: removed, periodSeconds },
        { type: 'Pods', value: 1, periodSeconds },
      ],
    },
  };
}
