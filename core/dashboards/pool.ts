import { recorded } from '../slo/subject.ts';
import { metrics } from '../telemetry/names.ts';
import { busy, quantile, rate, share, total } from './expression.ts';
import { timeseries, type Dashboard } from './panel.ts';

const ofPool = 'pool=~"$pool"';
/** Engines know nothing of pools: their pods' labels do, which Prometheus writes with underscores. */
const ofEngine = 'qwenfleet_io_deployment=~"$pool"';
const engine = 'Empty for engines that are not ours.';

/** One pool: from what routers see of it to what its engines do. */
export const pool: Dashboard = {
  uid: 'pool',
  title: 'Pool',
  description: 'One pool, or a few to compare: what routers see of it, and what its engines do.',
  variables: [{ name: 'pool', label: 'Pool', expr: `label_values(${metrics.routerInFlight.name}, pool)` }],
  rows: [
    {
      title: 'As routers see it',
      panels: [
        timeseries({
          title: 'Requests by status',
          description: 'Answers a second. 429: its queue is full. 499: the client left.',
          unit: 'reqps',
          queries: [{ expr: rate('routerRequests', ['pool', 'status'], ofPool), legend: '{{pool}} {{status}}' }],
        }),
        timeseries({
          title: 'First byte',
          description:
            'Median and 95th percentile of the time from a request to the first byte of its answer, waiting included.',
          unit: 's',
          runbook: 'QwenfleetFirstTokenSlow',
          queries: [
            { expr: quantile(0.5, 'routerFirstByteSeconds', ['pool'], ofPool), legend: '{{pool}} p50' },
            { expr: quantile(0.95, 'routerFirstByteSeconds', ['pool'], ofPool), legend: '{{pool}} p95' },
          ],
        }),
        timeseries({
          title: 'In flight and waiting',
          description: 'Requests at replicas, and requests that wait for one.',
          unit: 'short',
          queries: [
            { expr: total('routerInFlight', ['pool'], ofPool), legend: '{{pool}} in flight' },
            { expr: total('routerHeld', ['pool'], ofPool), legend: '{{pool}} waiting' },
          ],
        }),
      ],
    },
    {
      title: 'Objective',
      panels: [
        timeseries({
          title: 'Failed, by window',
          description:
            'Share of requests that failed during each window of the burn-rate alerts. Empty without spec.slo.availability, and without requests.',
          unit: 'percentunit',
          runbook: 'QwenfleetErrorBudgetSteadyBurn',
          queries: (['5m', '1h', '6h', '3d'] as const).map((window) => ({
            expr: `${recorded.errorRatio({ kind: 'pool' }, window)}{${ofPool}}`,
            legend: `{{pool}} ${window}`,
          })),
        }),
        timeseries({
          title: 'Error budget left',
          description:
            'Share of the error budget that is left. Empty without spec.slo.availability, and without requests.',
          unit: 'percentunit',
          runbook: 'QwenfleetErrorBudgetSpent',
          queries: [{ expr: `${recorded.budgetRemaining({ kind: 'pool' })}{${ofPool}}`, legend: '{{pool}}' }],
        }),
      ],
    },
    {
      title: 'Engines',
      panels: [
        timeseries({
          title: 'Sequences',
          description: `Sequences in slots, and sequences that wait for one. ${engine}`,
          unit: 'short',
          queries: [
            { expr: total('runtimeRunning', ['pod'], ofEngine), legend: '{{pod}} running' },
            { expr: total('runtimeQueued', ['pod'], ofEngine), legend: '{{pod}} queued' },
          ],
        }),
        timeseries({
          title: 'Tokens',
          description: `Tokens computed a second, of prompts and of answers. ${engine}`,
          unit: 'ops',
          queries: [{ expr: rate('runtimeTokens', ['type'], ofEngine), legend: '{{type}}' }],
        }),
        timeseries({
          title: 'Between tokens',
          description: `95th percentile of the mean time between the tokens of an answer. ${engine}`,
          unit: 's',
          runbook: 'QwenfleetTokensSlow',
          queries: [{ expr: quantile(0.95, 'runtimeTokenSeconds', [], ofEngine), legend: 'p95' }],
        }),
      ],
    },
    {
      title: 'Inside the engines',
      panels: [
        timeseries({
          title: 'Time in the model',
          description: `Seconds a second in steps of each kind, of all replicas together: at 1 for a replica it is busy all the time. ${engine}`,
          unit: 'short',
          queries: [{ expr: busy('runtimeStepSeconds', ['kind'], ofEngine), legend: '{{kind}}' }],
        }),
        timeseries({
          title: 'Prompts that were in the cache',
          description: `Share of prompt tokens that needed no computing. ${engine}`,
          unit: 'percentunit',
          queries: [
            {
              expr: share(
                rate('runtimePrefixTokens', [], `${ofEngine},result="hit"`),
                rate('runtimePrefixTokens', [], ofEngine),
              ),
              legend: 'hit',
            },
          ],
        }),
        timeseries({
          title: 'KV cache',
          description: `Tokens held. ${engine}`,
          unit: 'short',
          queries: [{ expr: total('runtimeKvTokens', ['pod'], ofEngine), legend: '{{pod}}' }],
        }),
      ],
    },
  ],
};
