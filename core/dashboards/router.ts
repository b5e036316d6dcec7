import { quantile, rate, share } from './expression.ts';
import { timeseries, type Dashboard } from './panel.ts';

/** What routers decide, and what it costs. */
export const router: Dashboard = {
  uid: 'router',
  title: 'Router',
  description: 'What routers decide for model auto, what they try again, and what time they take themselves.',
  variables: [],
  rows: [
    {
      title: 'Decisions',
      panels: [
        timeseries({
          title: 'Share of each pool',
          description:
            'Of the requests for model auto, the share that went to each pool. Empty while nobody asks for auto.',
          unit: 'percentunit',
          queries: [
            {
              expr: `${rate('routerDecisions', ['pool'])} / ignoring (pool) group_left () (${rate('routerDecisions')} > 0)`,
              legend: '{{pool}}',
            },
          ],
        }),
        timeseries({
          title: 'Reasons',
          description:
            'Decisions a second by reason: each is explained by POST /v1/route/explain. Empty while nobody asks for auto.',
          unit: 'reqps',
          queries: [{ expr: rate('routerDecisions', ['reason']), legend: '{{reason}}' }],
        }),
      ],
    },
    {
      title: 'Trouble',
      panels: [
        timeseries({
          title: 'Tried again',
          description: 'Attempts after the first, as a share of requests. Empty while every first attempt succeeds.',
          unit: 'percentunit',
          steps: [{ at: 0.1, color: 'red' }],
          queries: [{ expr: share(rate('routerRetries'), rate('routerRequests')), legend: 'retries' }],
        }),
        timeseries({
          title: 'Tried again, by cause',
          description: 'Attempts after the first, a second. Empty while every first attempt succeeds.',
          unit: 'reqps',
          queries: [{ expr: rate('routerRetries', ['pool', 'cause']), legend: '{{pool}} {{cause}}' }],
        }),
        timeseries({
          title: 'Refused',
          description:
            'Requests a second that no pool was asked for, by why: a key that is not known, a model that is not served, a quota that is used up. Empty while none is refused.',
          unit: 'reqps',
          queries: [{ expr: rate('routerRefusals', ['code', 'route']), legend: '{{code}} {{route}}' }],
        }),
        timeseries({
          title: 'Configurations',
          description:
            'New configurations a second, by what became of them. Refused ones are in the log of the router.',
          unit: 'ops',
          queries: [{ expr: rate('routerConfigs', ['outcome']), legend: '{{outcome}}' }],
        }),
      ],
    },
    {
      title: 'Time',
      panels: [
        timeseries({
          title: 'Time of the router itself',
          description: 'From a request to its dispatch, waiting for a replica left out. A few milliseconds are usual.',
          unit: 's',
          steps: [{ at: 0.05, color: 'red' }],
          queries: [
            { expr: quantile(0.5, 'routerOverheadSeconds'), legend: 'p50' },
            { expr: quantile(0.99, 'routerOverheadSeconds'), legend: 'p99' },
          ],
        }),
        timeseries({
          title: 'Whole answers',
          description: 'From the first byte of a request to the last of its answer, by route.',
          unit: 's',
          queries: [
            { expr: quantile(0.5, 'routerRequestSeconds', ['route']), legend: '{{route}} p50' },
            { expr: quantile(0.95, 'routerRequestSeconds', ['route']), legend: '{{route}} p95' },
          ],
        }),
      ],
    },
  ],
};
