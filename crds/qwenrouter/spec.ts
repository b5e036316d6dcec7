import { z } from 'zod';
import {
  anyObject,
  count,
  decimal,
  duration,
  instant,
  labels,
  listAtomic,
  listMap,
  listSet,
  modelName,
  name,
  ratio,
  secretRef,
  text,
} from '../field.ts';
import { routePattern, routeRemedy, scopeNamesMax } from '@qwenfleet/core/fleet/client-key';
import { tierNames } from '../qwendeployment/spec.ts';

const requirement = z
  .strictObject({
    key: text('The label.', 253),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How it is compared.'),
    values: listSet(text('One value.', 63), 32, 'Values for In and NotIn.').optional(),
  })
  .describe('One requirement.');

const quotaSchema = z
  .strictObject({
    requestsPerMinute: count('Requests a minute.', 1, 10_000_000).optional(),
    tokensPerMinute: count('Tokens a minute, prompts and answers together.', 1, 1_000_000_000).optional(),
    concurrency: count('Requests at the same time.', 1, 100_000).optional(),
  })
  .describe(
    'What each client may use, with all its keys. Router replicas count for themselves, so each has an equal part.',
  );

const scopesSchema = z
  .strictObject({
    models: listSet(
      modelName('A pool, with all its names, or a single name of a model.'),
      scopeNamesMax,
      'What these keys may ask for. auto needs no mention: it chooses among the pools that are named.',
    ).optional(),
    routes: listSet(
      z.string().max(128).regex(routePattern, routeRemedy).describe('A path, with everything below it.'),
      scopeNamesMax,
      'Routes that these keys may use.',
    ).optional(),
  })
  .describe('What these keys are for. What is left out is not restricted, and an empty list is for nothing.');

const sceneSchema = z
  .strictObject({
    name: name('The name that clients ask for.'),
    description: text('For people: what it is for.', 512).optional(),
    model: modelName('A pool, or auto.').default('auto'),
    stages: listAtomic(
      z
        .strictObject({
          name: name('Name of the stage: instruction, context, retrieve, guard, verify or handoff.'),
          settings: anyObject('Settings of the stage.').optional(),
        })
        .describe('One stage.'),
      16,
      'What happens to a request before and after the model, in order.',
    ).optional(),
    sampling: anyObject('Sampling settings where a request gives none.').optional(),
  })
  .describe('A way of answering: stages, settings and a choice of pool.');

export const routerSpecSchema = z
  .strictObject({
    replicas: count('Router processes.', 1, 100).default(1),
    listen: z
      .strictObject({ port: count('Port of the endpoint.', 1, 65_535).default(8080) })
      .describe('Where the router listens.')
      .prefault({}),
    pools: z
      .strictObject({
        selector: z
          .strictObject({
            matchLabels: labels('Labels that a QwenDeployment must have.').optional(),
            matchExpressions: listAtomic(requirement, 16, 'Requirements on labels, all of which must hold.').optional(),
          })
          .describe('A label selector; empty means every QwenDeployment of the namespace.')
          .prefault({}),
      })
      .describe('Which QwenDeployments are the pools of this router.')
      .prefault({}),
    objective: z
      .strictObject({
        costWeight: decimal(
          'How much of p(correct) a whole cost unit must buy; 0.3 when left out. The largest pool costs one unit.',
        ).optional(),
        largeShare: ratio(
          'Wanted share of the requests for auto that the large tier gets, instead of costWeight, which then follows the traffic.',
        ).optional(),
        waitWeight: decimal('How much of p(correct) is given up for a second less of waiting.').default('0.002'),
      })
      .describe('What the choice of a pool aims at.')
      .prefault({}),
    fallback: z
      .strictObject({
        order: listSet(
          z.enum(tierNames).describe('A tier.'),
          3,
          'Tiers to try when the chosen pool cannot answer, best first.',
        ),
      })
      .describe('Where requests go when their pool cannot answer.')
      .optional(),
    session: z
      .strictObject({
        affinity: z
          .enum(['None', 'Pool', 'Replica'])
          .default('None')
          .describe('What the requests of one session share.'),
        header: z
          .string()
          .max(64)
          .regex(/^[A-Za-z0-9-]+$/, 'is not the name of a header')
          .describe('Header that names the session.')
          .default('x-session-id'),
        ttl: duration('How long a session is remembered after its last request.').default('30m'),
      })
      .describe('What holds requests of one conversation together.')
      .prefault({}),
    scenes: listMap(sceneSchema, 'name', 64, 'Ways of answering that clients may choose.').optional(),
    keys: listAtomic(
      z
        .strictObject({
          secretRef: secretRef(
            "A Secret whose entries are clients' keys: the entry is the client's name, its value the key.",
            'Only this entry; every entry when left out.',
          ),
          expires: instant(
            'When these keys expire, such as 2027-01-31T00:00:00Z; never when left out. While one key replaces another, the client stands in two Secrets.',
          ).optional(),
          scopes: scopesSchema.optional(),
          quota: quotaSchema.optional(),
        })
        .describe('Keys from one Secret.'),
      16,
      'Keys that clients must show. None leaves the endpoint open.',
    ).optional(),
    timeouts: z
      .strictObject({
        connect: duration('To connect to a replica.').default('2s'),
        firstByte: duration('To the first byte of an answer.').default('120s'),
        idle: duration('Longest silence between two chunks.').default('60s'),
        total: duration('From request to the end of its answer.').default('10m'),
      })
      .describe('How long the router waits.')
      .prefault({}),
    retry: z
      .strictObject({ maxAttempts: count('Attempts in all, before the first byte of an answer.', 1, 10).default(3) })
      .describe('How often the router tries.')
      .prefault({}),
    maxBodyBytes: count('Largest request body.', 1024, 1_073_741_824).default(8 * 1024 * 1024),
    metrics: z
      .strictObject({
        clients: z
          .boolean()
          .default(false)
          .describe(
            'Tells the tokens of each client at /metrics, under its name, so that cost can be told apart by client. Whoever reaches the endpoint can read /metrics.',
          ),
      })
      .describe('What routers tell of themselves.')
      .prefault({}),
    tracing: z
      .strictObject({
        endpoint: z
          .string()
          .max(1024)
          .regex(/^https?:\/\/[^\s]+$/, 'is not a URL; write one such as http://collector:4318')
          .describe('Address of a collector that takes OTLP over HTTP, without /v1/traces.'),
        sampleRatio: ratio('Share of requests that begin a trace; those whose client began one follow it.').default(
          '1',
        ),
      })
      .describe('Where traces of requests go. None are kept when left out.')
      .optional(),
    drain: z
      .strictObject({ gracePeriod: duration('Time for open answers to finish when a router ends.').default('30s') })
      .describe('How a router ends.')
      .prefault({}),
    paused: z.boolean().default(false).describe('Look, but do not touch.'),
  })
  .describe('What is wanted.');
