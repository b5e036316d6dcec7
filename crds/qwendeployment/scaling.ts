import { z } from 'zod';
import { count, duration, listAtomic, text } from '../field.ts';

export const scalingMetrics = ['Concurrency', 'QueueDepth', 'KVCache', 'TokensPerSecond'] as const;
export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

const replicas = (description: string): z.ZodInt => count(description, 0, 1000);

const timeOfDay = (description: string): z.ZodString =>
  z
    .string()
    .max(5)
    .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'is not a time of day; write one such as "08:30"')
    .describe(description);

export const scheduleSchema = z
  .strictObject({
    timezone: text('Time zone from the IANA list, such as Europe/Berlin.', 64).default('UTC'),
    days: z
      .array(z.enum(weekdays).describe('A day.'))
      .max(7)
      .meta({ description: 'Days it holds on; every day when left out.', 'x-kubernetes-list-type': 'set' })
      .optional(),
    start: timeOfDay('When it begins, hours and minutes.'),
    end: timeOfDay('When it ends; before start means the next day.'),
    minReplicas: replicas('Fewest replicas meanwhile.').optional(),
    maxReplicas: replicas('Most replicas meanwhile; 0 closes the pool: no request starts one.').optional(),
  })
  .describe('Bounds that hold at certain hours.');

export const targetSchema = z
  .strictObject({
    metric: z
      .enum(scalingMetrics)
      .default('Concurrency')
      .describe(
        'What is kept near the target in each replica: Concurrency (requests in flight), QueueDepth (requests waiting), KVCache (percent in use) or TokensPerSecond.',
      ),
    value: count(
      'The target per replica. When left out: 70 % of engine.maxConcurrency for Concurrency, 8 for QueueDepth, 80 for KVCache, 1000 for TokensPerSecond.',
      1,
      1_000_000,
    ).optional(),
  })
  .describe('What the scaler aims at.');

export const windowSchema = z
  .strictObject({
    stable: duration('Span over which load is averaged in quiet times.').default('60s'),
    panic: duration('Short span that notices a burst; shorter than stable.').default('6s'),
    panicThreshold: count(
      'Percent of what the ready replicas are meant to carry, above which the short span decides and nothing is removed.',
      1,
      1000,
    ).default(200),
  })
  .describe('Spans over which load is averaged.');

export const scalingSchema = z
  .strictObject({
    owner: z
      .enum(['Internal', 'KEDA', 'HPA', 'None'])
      .default('Internal')
      .describe('Who writes replicas: this operator, KEDA, a HorizontalPodAutoscaler, or nobody but you.'),
    mode: z
      .enum(['Enforce', 'Recommend'])
      .default('Enforce')
      .describe('Enforce acts. Recommend only writes to the status what it would have done.'),
    minReplicas: replicas(
      'Fewest replicas. 0 lets an idle pool disappear; the next request is held while one starts.',
    ).default(0),
    maxReplicas: count('Most replicas.', 0, 1000).default(4),
    target: targetSchema.prefault({}),
    window: windowSchema.prefault({}),
    rate: z
      .strictObject({
        up: count('Largest factor of growth at once, relative to the ready replicas.', 2, 1000).default(4),
        down: count('Largest factor of shrinking at once.', 2, 1000).default(2),
      })
      .describe('How fast the pool may change.')
      .prefault({}),
    scaleDownDelay: duration('How long a lower need must last before replicas are removed.').default('300s'),
    scaleToZeroAfter: duration(
      'Idle time before the last replica goes; only with minReplicas 0. 10m when left out.',
    ).optional(),
    schedules: listAtomic(
      scheduleSchema,
      16,
      'Other bounds at certain hours; the first that matches holds.',
    ).optional(),
  })
  .describe('How many replicas, and when. Left out together with replicas: always one.');
