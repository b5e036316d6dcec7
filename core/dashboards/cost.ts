import { metrics } from '../telemetry/names.ts';
import { rate, share } from './expression.ts';
import { stat, timeseries, type Dashboard } from './panel.ts';

const currency = 'In the currency of the prices of your hardware classes.';
const where = ['namespace', 'pool'] as const;
const secondsPerHour = 3600;

/** The operator tells of pools of all namespaces; routers are in the namespace of their pools. */
const byPool = (expr: string): string =>
  `sum by (namespace, pool) (label_replace(${expr}, "namespace", "$1", "pool_namespace", "(.*)"))`;

/** Replicas cost while they are there, whatever they do; those that are only wanted are not there yet. */
const ofReplicas = byPool(
  `${metrics.operatorReplicas.name}{state!="wanted"} * on (pool_namespace, pool) group_left () ${metrics.operatorReplicaPrice.name}`,
);
/** Of servers elsewhere. */
const ofTokens = `${rate('routerTokens', where)} * on (namespace, pool) ${byPool(metrics.operatorTokenPrice.name)} * ${secondsPerHour} / 1e6`;
const perHour = `(${ofReplicas}) or (${ofTokens})`;
const millionTokensPerHour = (expr: string): string => `${expr} * ${secondsPerHour} / 1e6`;

const shareOfClient = `${rate('routerClientTokens', ['client', ...where])} / on (namespace, pool) group_left () (${rate('routerTokens', where)} > 0)`;

/** What the fleet costs, and whom it costs that. */
export const cost: Dashboard = {
  uid: 'cost',
  title: 'Cost',
  description: 'What the fleet costs by the hour and by tokens, which pools cost it, and for whom.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({
          title: 'Cost of an hour',
          description: `What the replicas that are there now cost for an hour, and what servers elsewhere charge. ${currency} Empty where no class has a price.`,
          unit: 'short',
          queries: [{ expr: `sum(${perHour})`, legend: 'an hour' }],
        }),
        stat({
          title: 'Cost of a million tokens',
          description: `The whole fleet by the tokens that it reads and writes. ${currency} Empty while nobody asks.`,
          unit: 'short',
          queries: [
            {
              expr: share(`sum(${perHour})`, millionTokensPerHour(rate('routerTokens'))),
              legend: 'a million tokens',
            },
          ],
        }),
      ],
    },
    {
      title: 'Pools',
      panels: [
        timeseries({
          title: 'Cost of an hour, by pool',
          description: `What each pool would cost if it stayed as it is for an hour. ${currency}`,
          unit: 'short',
          queries: [{ expr: perHour, legend: '{{namespace}}/{{pool}}' }],
        }),
        timeseries({
          title: 'Cost of a million tokens, by pool',
          description: `High for a pool that few ask: it may have too many replicas, or might scale to zero. ${currency} Empty while nobody asks.`,
          unit: 'short',
          queries: [
            {
              expr: `(${perHour}) / on (namespace, pool) (${millionTokensPerHour(rate('routerTokens', where))} > 0)`,
              legend: '{{namespace}}/{{pool}}',
            },
          ],
        }),
      ],
    },
    {
      title: 'Clients',
      panels: [
        timeseries({
          title: 'Cost of an hour, by client',
          description: `Each pool's cost, shared by the tokens that its clients have of it. ${currency} Empty without spec.metrics.clients of the router.`,
          unit: 'short',
          queries: [
            {
              expr: `sum by (client) (${shareOfClient} * on (namespace, pool) group_left () (${perHour}))`,
              legend: '{{client}}',
            },
          ],
        }),
        timeseries({
          title: 'Tokens by client',
          description:
            'Tokens a second, prompts and answers together. Empty without spec.metrics.clients of the router.',
          unit: 'ops',
          queries: [{ expr: rate('routerClientTokens', ['client']), legend: '{{client}}' }],
        }),
      ],
    },
  ],
};
