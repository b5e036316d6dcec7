import { metrics } from '../telemetry/names.ts';
import { quantile, rate, total } from './expression.ts';
import { timeseries, type Dashboard } from './panel.ts';

const cluster = 'Empty where the fleet runs on one machine: nothing asks Kubernetes there.';

/** Whether the operator keeps up, and how it fares with the API server. */
export const operator: Dashboard = {
  uid: 'operator',
  title: 'Operator',
  description: 'Whether the operator keeps up with its objects, and how it fares with the API server.',
  variables: [],
  rows: [
    {
      title: 'Reconciles',
      panels: [
        timeseries({
          title: 'Reconciles',
          description: `A second, by controller and result. Errors that stay have their reason in the status of the object. ${cluster}`,
          unit: 'ops',
          queries: [{ expr: rate('kubeReconciles', ['controller', 'result']), legend: '{{controller}} {{result}}' }],
        }),
        timeseries({
          title: 'Time of one reconcile',
          description: `99th percentile. ${cluster}`,
          unit: 's',
          queries: [{ expr: quantile(0.99, 'kubeReconcileSeconds', ['controller']), legend: '{{controller}}' }],
        }),
        timeseries({
          title: 'Waiting in queues',
          description: `Keys that wait for a worker. Growing for minutes: the operator does not keep up. ${cluster}`,
          unit: 'short',
          queries: [{ expr: total('kubeQueueDepth', ['name']), legend: '{{name}}' }],
        }),
      ],
    },
    {
      title: 'The API server',
      panels: [
        timeseries({
          title: 'Requests',
          description: `A second, by verb and code; code is error where no answer came. At rest nothing is written. ${cluster}`,
          unit: 'ops',
          queries: [{ expr: rate('kubeRequests', ['verb', 'code']), legend: '{{verb}} {{code}}' }],
        }),
        timeseries({
          title: 'Watches that began again',
          description: `Full lists a second, by reason. ${cluster}`,
          unit: 'ops',
          queries: [{ expr: rate('kubeRelists', ['name', 'reason']), legend: '{{name}} {{reason}}' }],
        }),
        timeseries({
          title: 'Leaders',
          description: `Processes that lead: one, but for the seconds in which another takes over. ${cluster}`,
          unit: 'short',
          queries: [{ expr: total('kubeLeader', ['name']), legend: '{{name}}' }],
        }),
      ],
    },
    {
      title: 'Sizes',
      panels: [
        timeseries({
          title: 'Changes of size',
          description: 'Changes of the wanted replicas a second, by direction. Empty while nothing changes.',
          unit: 'ops',
          queries: [{ expr: rate('operatorScaleDecisions', ['pool', 'direction']), legend: '{{pool}} {{direction}}' }],
        }),
        timeseries({
          title: 'Replicas by state',
          description: 'Of all pools together. Starting for minutes: their status says what they wait for.',
          unit: 'short',
          queries: [{ expr: total('operatorReplicas', ['state']), legend: '{{state}}' }],
        }),
        timeseries({
          title: 'Restarts',
          description:
            'Engines that ended by themselves during the last hour, by reason. OOMKilled: they need more memory. Empty while none ends.',
          unit: 'short',
          steps: [{ at: 1, color: 'yellow' }],
          queries: [
            {
              expr: `sum by (pool, reason) (increase(${metrics.operatorRestarts.name}[1h]))`,
              legend: '{{pool}} {{reason}}',
            },
          ],
        }),
      ],
    },
  ],
};
