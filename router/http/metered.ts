import type { RawMembers } from '../upstream/request-body.ts';
import type { Served } from '../service.ts';
import type { Asked } from './answer.ts';

/** What a request may become, in tokens: its prompt as its size tells, and what it asks for at most. */
export type Wanted = {
  promptTokens: number;
  answerTokens: number;
  streamOptions?: { include_usage?: boolean | null | undefined } | null | undefined;
};

/**
 * Does the work within the quota of the request's key, where it has one: counted from here until the last byte of the
 * answer, whatever ends it. Throws `rate_limited`.
 */
export async function metered(
  service: Served,
  asked: Asked,
  wanted: () => Wanted,
  work: (asked: Asked) => Promise<Response>,
): Promise<Response> {
  const { key } = asked;
  const meter = key && service.meters.of(key);
  if (!meter || !key.quota) return work(asked);
  const { promptTokens, answerTokens, streamOptions } = wanted();
  const charge = meter.admit(key.quota, promptTokens + answerTokens, service.clock.nowMs());
  try {
    const hideUsage = asked.stream && streamOptions?.include_usage !== true;
    const members = hideUsage ? withUsage(asked.members, streamOptions) : asked.members;
    const answered = await work({ ...asked, members, metering: { charge, promptTokens, hideUsage } });
    // A stream ends later, and with it what is counted.
    if (!asked.stream || answered.status !== 200) charge.end();
    return answered;
  } catch (error) {
    charge.end();
    throw error;
  }
}

/** Only the server knows how many tokens there were, and it tells when it is asked to. */
const withUsage = (members: RawMembers, given: Wanted['streamOptions']): RawMembers =>
  new Map([...members, ['stream_options', JSON.stringify({ ...given, include_usage: true })]]);
