import type { RolloutFacts } from './conditions.ts';
import type { Decision, RolloutEvent, RolloutState } from './types.ts';

/** A state in the making, and what is worth telling about it. */
export type Draft = { state: RolloutState; events: readonly RolloutEvent[] };

/** What a tick came to, before it is written up as a decision. */
export type Ticked = Draft & {
  replicas: Readonly<Record<string, number>>;
  facts?: Partial<Pick<RolloutFacts, 'waits' | 'verdict' | 'trouble'>> | undefined;
  actions?: Decision['hot'] | undefined;
  startWith?: Decision['startWith'];
};
