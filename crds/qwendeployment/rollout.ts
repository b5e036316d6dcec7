import { z } from 'zod';
import { count, decimal, duration, listAtomic, longDuration, ratio, text } from '../field.ts';

export const canarySchema = z
  .strictObject({
    steps: listAtomic(
      z
        .strictObject({
          weight: count('Percent of the traffic that the new revision gets.', 1, 100),
          pause: duration('How long to stay at this step.').default('5m'),
        })
        .describe('One step.'),
      10,
      'Steps in ascending order of weight.',
    ),
    analysis: z
      .strictObject({
        maxErrorRatio: ratio('Largest share of failed requests that is still fine.').default('0.01'),
        maxTTFTP95: duration('Largest 95th percentile of the time to the first token.').optional(),
        minRequests: count(
          'Requests of the new revision to see before it is called good; one that plainly hurts is called bad earlier.',
          1,
          1_000_000,
        ).default(200),
      })
      .describe('What the new revision is judged by.')
      .prefault({}),
  })
  .describe('How a canary proceeds; only with strategy Canary.');

export const abTestSchema = z
  .strictObject({
    weight: count(
      'Percent of the traffic that the new revision gets; with a header, percent of the replicas.',
      1,
      99,
    ).default(50),
    header: z
      .strictObject({
        name: z
          .string()
          .min(1)
          .max(64)
          .regex(/^[A-Za-z0-9-]+$/, 'is not the name of a header; use letters, digits and dashes')
          .describe('Name of the header.'),
        value: text('Value that sends a request to the new revision.', 128),
      })
      .describe('Requests with this header get the new revision, all others the old one.')
      .optional(),
    minRequests: count('Requests of each revision to see before one is called better.', 1, 1_000_000).default(1000),
  })
  .describe('Keeps the old and the new revision and compares them, until one is promoted or this block is removed.');

export const rolloutSchema = z
  .strictObject({
    strategy: z
      .enum(['Rolling', 'Canary', 'BlueGreen', 'OnDelete'])
      .default('Rolling')
      .describe('How a new revision replaces the old one.'),
    maxSurge: count('Replicas above the wanted number while rolling. 0 because a spare GPU is rare.', 0, 100).default(
      0,
    ),
    maxUnavailable: count('Replicas below the wanted number while rolling.', 0, 100).default(1),
    progressDeadline: duration('Longest time without progress; loading a large model takes minutes.').default('30m'),
    canary: canarySchema.optional(),
    abTest: abTestSchema.optional(),
    autoRollback: z.boolean().default(true).describe('Go back by itself when the new revision hurts.'),
    revisionHistoryLimit: count('Old revisions kept for a rollback.', 0, 50).default(5),
  })
  .describe('How changes reach running pools.');

export const sloSchema = z
  .strictObject({
    ttftP95: duration('95th percentile of the time to the first token.').optional(),
    itlP95: duration('95th percentile of the time between two tokens.').optional(),
    availability: decimal('Percent of requests that must be answered, such as "99.5".').optional(),
    window: longDuration('Span over which the objective is judged.').default('30d'),
  })
  .describe('Service level objectives, for alerts and for canaries.');
