import { failedMatcher, recorded } from '../slo/subject.ts';
import { metrics } from '../telemetry/names.ts';
import { quantile, rate, share, total } from './expression.ts';
import { stat, timeseries, type Dashboard } from './panel.ts';

/** Is everything well? One look, no choice but of where the data is. */
export const fleet: Dashboard = {
  uid: 'fleet',
  title: 'Fleet',
  description: 'All pools at once: what is asked, what fails, how long it takes, and what waits.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({
          title: 'Requests',
          description: 'Answers a second, of all pools. Empty until the first request.',
          unit: 'reqps',
          queries: [{ expr: rate('routerRequests'), legend: 'requests' }],
        }),
        stat({
          title: 'Failed',
          description:
            'Share of requests that the fleet failed: 5xx, and 429 of a full queue. Empty while nobody asks, or nothing has failed yet.',
          unit: 'percentunit',
          steps: [
            { at: 0.001, color: 'yellow' },
            { at: 0.01, color: 'red' },
          ],
          runbook: 'QwenfleetErrorBudgetFastBurn',
          queries: [
            { expr: share(rate('routerRequests', [], failedMatcher), rate('routerRequests')), legend: 'failed' },
          ],
        }),
        stat({
          title: 'Waiting',
          description:
            'Requests that are held until a pool has a place for them. More than a few for long: pools are too small.',
          unit: 'short',
          steps: [
            { at: 10, color: 'yellow' },
            { at: 100, color: 'red' },
          ],
          runbook: 'QwenfleetFirstTokenSlow',
          queries: [{ expr: total('routerHeld'), legend: 'held' }],
        }),
        stat({
          title: 'Tokens',
          description: 'Tokens a second, prompts and answers, as pools report them. Empty until the first answer.',
          unit: 'ops',
          queries: [{ expr: rate('routerTokens'), legend: 'tokens' }],
        }),
      ],
    },
    {
      title: 'Pools',
      panels: [
        timeseries({
          title: 'Requests by pool',
          description: 'Answers a second, whatever their status.',
          unit: 'reqps',
          queries: [{ expr: rate('routerRequests', ['pool']), legend: '{{pool}}' }],
        }),
        timeseries({
          title: 'Failures by pool',
          description: 'Requests a second that the pool failed. Empty while nothing fails.',
          unit: 'reqps',
          runbook: 'QwenfleetErrorBudgetFastBurn',
          queries: [{ expr: rate('routerRequests', ['pool', 'status'], failedMatcher), legend: '{{pool}} {{status}}' }],
        }),
      ],
    },
    {
      title: 'Objectives',
      panels: [
        timeseries({
          title: 'First byte, 95th percentile',
          description: 'Of twenty requests, nineteen have their first byte in less than this.',
          unit: 's',
          runbook: 'QwenfleetFirstTokenSlow',
          queries: [{ expr: quantile(0.95, 'routerFirstByteSeconds', ['pool']), legend: '{{pool}}' }],
        }),
        timeseries({
          title: 'Error budget left',
          description:
            'Share of the error budget that is left; nothing at zero. Empty for pools without spec.slo.availability, and without requests.',
          unit: 'percentunit',
          runbook: 'QwenfleetErrorBudgetSpent',
          queries: [{ expr: recorded.budgetRemaining({ kind: 'pool' }), legend: '{{namespace}}/{{pool}}' }],
        }),
      ],
    },
    {
      title: 'Size',
      panels: [
        timeseries({
          title: 'Changes of size',
          description: 'How often an hour the autoscaler changed the wanted replicas. Empty while it changes nothing.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (pool, direction) (increase(${metrics.operatorScaleDecisions.name}[1h]))`,
              legend: '{{pool}} {{direction}}',
            },
          ],
        }),
        timeseries({
          title: 'Replicas by pool',
          description:
            'Replicas that answer, and how many there should be. Apart for long: see the status of the pool.',
          unit: 'short',
          queries: [
            {
              expr: total('operatorReplicas', ['pool', 'state'], 'state=~"ready|wanted"'),
              legend: '{{pool}} {{state}}',
            },
          ],
        }),
        timeseries({
          title: 'In flight by pool',
          description: 'Requests that a replica is working on.',
          unit: 'short',
          queries: [{ expr: total('routerInFlight', ['pool']), legend: '{{pool}}' }],
        }),
      ],
    },
  ],
};
