import { describeError } from '@qwenfleet/core/errors';
import type { Behaviour, Client, FullStand, Stand } from './behaviour.ts';

/** How one behaviour is at one endpoint. */
export type Outcome =
  | { kind: 'is so' }
  | { kind: 'is not so'; why: string }
  /** The endpoint has not got what it needs, or the client is missing here. */
  | { kind: 'not asked'; why: string };

/** An endpoint that says nothing holds nobody up for longer. */
const behaviourMsMax = 30_000;
const whyCharsMax = 300;

/** The stand as one client sees it: what it breaks is not another client's trouble. */
export function standOf(stand: Stand & { scripts?: readonly string[] }, clientIndex: number): Stand {
  const script = stand.scripts?.[clientIndex] ?? stand.script;
  return script === undefined ? stand : { ...stand, script };
}

/** Asks for one behaviour, within its time. */
export async function outcomeOf(behaviour: Behaviour, stand: Stand, client: Client): Promise<Outcome> {
  if (client.missing !== undefined) return { kind: 'not asked', why: client.missing };
  const missing = behaviour.needs.find((part) => stand[part] === undefined);
  if (missing !== undefined) return { kind: 'not asked', why: `it needs ${missing}` };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${behaviourMsMax / 1000} s`)), behaviourMsMax);
  });
  try {
    // What it needs is there; what it does not need is not looked at.
    await Promise.race([behaviour.run(stand as FullStand), late]);
    return { kind: 'is so' };
  } catch (error) {
    return { kind: 'is not so', why: describeError(error).replaceAll(/\s+/g, ' ').slice(0, whyCharsMax) };
  } finally {
    clearTimeout(timer);
  }
}
