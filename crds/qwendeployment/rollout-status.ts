import { revisionsMax } from '@qwenfleet/core/fleet/router-config';
import { z } from 'zod';
import { count, text } from '../field.ts';

const revision = (description: string): z.ZodString => text(description, 64);
const time = (description: string): z.ZodString => text(`${description}, RFC 3339.`, 64);
const replicas = (description: string): z.ZodInt => count(description, 0, 100_000);
/** A number with a point, as text, since Kubernetes keeps floats out of its API. */
const figure = (description: string): z.ZodString => text(description, 32);
const interval = (description: string) =>
  z.strictObject({ low: figure('From.'), high: figure('To; Infinity when nothing bounds it.') }).describe(description);

/** Why a revision is what it is, in a word for programs and in words for people. */
export const messageLengthMax = 512;
/** Revisions that may have replicas at once: one that serves, one that comes, and those that still leave. */
export { revisionsMax } from '@qwenfleet/core/fleet/router-config';
/** What `revisionHistoryLimit` allows at most. */
export const pastMax = 50;

export const pastRevisionSchema = z
  .strictObject({
    revision: revision('The revision.'),
    at: time('When it ended'),
    outcome: z
      .enum(['Replaced', 'RolledBack', 'Aborted', 'Reverted', 'Superseded'])
      .describe(
        'Replaced: it served until the next came. The others never came in whole: it hurt, somebody stopped it, the spec went back, or the spec went on.',
      ),
    message: text('Why, for people.', messageLengthMax),
  })
  .describe('One revision that was.');

const armSchema = z
  .strictObject({
    revision: revision('The revision.'),
    requests: z.int().min(0).describe('Requests answered.'),
    errors: z.int().min(0).describe('Requests that failed.'),
    errorRatio: figure('Share of requests that failed.'),
    ttftMsP95: figure('95th percentile of the time to the first token, in milliseconds.').optional(),
  })
  .describe('Results of one revision.');

export const abResultSchema = z
  .strictObject({
    old: armSchema,
    new: armSchema,
    errorRatioDifference: interval('95 % interval of the error ratio, new minus old.'),
    ttftMsP95Difference: interval('95 % interval of the 95th percentile, new minus old, in milliseconds.').optional(),
    verdict: z
      .enum(['TooFewRequests', 'Undecided', 'NewIsBetter', 'OldIsBetter', 'Mixed'])
      .describe('Which is better, where the intervals leave no doubt; Mixed when errors and times disagree.'),
  })
  .describe('How the two revisions of a test compare.');

export const rolloutStatusSchema = z
  .strictObject({
    currentRevision: revision('The revision that serves.').optional(),
    updateRevision: revision('The revision that is being brought in.').optional(),
    round: z
      .int()
      .min(0)
      .optional()
      .describe('Rollouts begun so far; tells the results of one from those of the next.'),
    strategy: text('How it is being brought in.', 32).optional(),
    step: count('Step of the strategy, from 0.', 0, 16).optional(),
    weight: count('Percent of the traffic at the new revision.', 0, 100).optional(),
    startedAt: time('When the rollout began').optional(),
    stepStartedAt: time('When the routers began to send this weight').optional(),
    reason: text('Why it stands where it stands.', messageLengthMax).optional(),
    progress: z
      .strictObject({
        at: time('When it last came forward; none while it waits for something else than replicas').optional(),
        ready: replicas('Most replicas of the new revision that were ready at once.'),
        old: replicas('Fewest replicas of other revisions.'),
      })
      .describe('What progressDeadline counts from.')
      .optional(),
    drainFirst: z
      .strictObject({ replicas: replicas('Replicas that had one.'), at: time('When one was missing last') })
      .describe('Accelerators were missing: an old replica goes before a new one comes.')
      .optional(),
    promoted: z.boolean().optional().describe('Whether somebody promoted it, so that nothing is waited for.'),
    replicas: z
      .array(
        z
          .strictObject({
            revision: revision('The revision.'),
            replicas: replicas('Replicas it was told to have.'),
            weight: count('Percent of the traffic that routers are told to give it.', 0, 100).optional(),
            host: revision(
              'The revision that its workload is named after, where that is another one: it came into running engines.',
            ).optional(),
          })
          .describe('One revision.'),
      )
      .max(revisionsMax)
      .meta({
        description: 'What each revision was told last.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['revision'],
      })
      .optional(),
    rejected: z
      .strictObject({
        revision: revision('The revision.'),
        reason: text('One word for programs.', 64),
        message: text('Why, for people.', messageLengthMax),
        at: time('When'),
      })
      .describe('The revision that the spec asks for and that is not tried again until the spec changes.')
      .optional(),
    obeyed: z
      .strictObject({
        promote: revision('Value of qwenfleet.io/promote.').optional(),
        abort: revision('Value of qwenfleet.io/abort.').optional(),
      })
      .describe('Annotations that were acted on, so that none is acted on twice.')
      .optional(),
    hot: z
      .strictObject({
        replica: text('The replica that changes now.', 253).optional(),
        since: time('When it began').optional(),
        loadedAt: time('When it had loaded').optional(),
        anew: z.boolean().optional().describe('Whether replicas that cannot change are replaced.'),
        back: z
          .strictObject({
            outcome: text('As in history.', 32),
            reason: text('One word for programs.', 64),
            message: text('Why, for people.', messageLengthMax),
          })
          .describe('Why the replicas go back.')
          .optional(),
      })
      .describe('A change inside the running engines, without new replicas.')
      .optional(),
    abTest: abResultSchema.optional(),
    history: z
      .array(pastRevisionSchema)
      .max(pastMax)
      .meta({ description: 'Revisions that were, newest first.', 'x-kubernetes-list-type': 'atomic' })
      .optional(),
  })
  .describe('Progress of the rollout.');
