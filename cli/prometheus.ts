import { matchers, recorded as names } from '@qwenfleet/core/slo/subject';
import { request } from 'undici';
import { z } from 'zod';
import { Failure } from './failure.ts';
import type { Recorded } from './slo.ts';

const answerSchema = z.looseObject({
  data: z.looseObject({
    result: z.array(
      z.looseObject({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

const answerWithinMs = 10_000;
const kind = { kind: 'pool' } as const;

/** What the rules of objectives have recorded of every pool. Throws a Failure when the address is none of Prometheus. */
export async function recordedObjectives(
  prometheusUrl: string,
  namespace: string | undefined,
): Promise<(pool: string) => Recorded> {
  const [budget, first, next] = await Promise.all(
    [names.budgetRemaining(kind), names.firstToken(kind), names.nextToken(kind)].map((name) =>
      ask(prometheusUrl, `${name}{${matchers(namespace === undefined ? {} : { namespace })}}`),
    ),
  );
  const ms = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1000);
  return (pool) => ({
    budgetLeft: budget?.get(pool),
    firstTokenMs: ms(first?.get(pool)),
    nextTokenMs: ms(next?.get(pool)),
  });
}

/** By pool; what is no number was not measured. */
async function ask(url: string, query: string): Promise<Map<string, number>> {
  const address = `${url.replace(/\/+$/, '')}/api/v1/query?query=${encodeURIComponent(query)}`;
  const signal = AbortSignal.timeout(answerWithinMs);
  const response = await request(address, { signal }).catch((cause: unknown) => {
    throw new Failure('unreachable', `No Prometheus answers at ${url}.`, {
      remedy: 'Check --prometheus, or leave it out: then the router says what it has counted itself.',
      cause,
    });
  });
  const parsed = answerSchema.safeParse(await response.body.json().catch(() => undefined));
  if (!parsed.success) throw new Failure('failed', `${url} answers, but not as Prometheus does.`);
  const values = parsed.data.data.result.map(({ metric, value }) => [metric['pool'] ?? '', Number(value[1])] as const);
  return new Map(values.filter(([, value]) => Number.isFinite(value)));
}
