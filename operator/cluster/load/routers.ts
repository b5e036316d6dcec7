import { routerLoadSchema, type PoolLoad, type RouterLoad } from '@qwenfleet/core/load/pool-report';
import { LoadPoller, type Address, type Answer, type PollerParts } from './poller.ts';

type Report = RouterLoad['pools'];

/** What one router pod said last; undefined when it did not answer in time. */
export type RouterReport = Report | undefined;

export type RouterListeners = {
  /** The load of these pools changed, at any router of a QwenRouter. */
  onLoad: (routerKey: string, pools: readonly string[]) => void;
  /** A router knows other pools than before. */
  onPools: (routerKey: string) => void;
};

/** Of one that answers at this origin. */
export const routerAddress = (id: string, origin: string): Address<Report> => ({
  id,
  url: `${origin}/load`,
  read: (text) => routerLoadSchema.parse(JSON.parse(text)).pools,
});

/** Asks every router what it has for each pool. */
export const routerPoller = (
  parts: Omit<PollerParts<Report>, 'onRound'>,
  { onLoad, onPools }: RouterListeners,
): LoadPoller<Report> =>
  new LoadPoller<Report>({
    ...parts,
    onRound: (key, answers) => {
      const changes = answers.map(changeOf);
      const loaded = new Set(changes.flatMap(({ load }) => load));
      if (changes.some(({ pools }) => pools)) onPools(key);
      else if (loaded.size > 0) onLoad(key, [...loaded]);
    },
  });

/** What each router says of one pool, undefined for a silent one. One that does not know the pool has no load for it. */
export const loadsOf = (pool: string, reports: readonly RouterReport[]): (PoolLoad | undefined)[] =>
  reports.flatMap((report) => (report === undefined ? [undefined] : (report[pool] ?? [])));

/** What a report says that the one before did not: pools whose load is another, and whether it has other pools. */
type Change = { load: readonly string[]; pools: boolean };

function changeOf({ before = {}, after }: Answer<Report>): Change {
  if (!after) return { load: [], pools: false };
  const names = Object.keys(after);
  const pools = names.length !== Object.keys(before).length || names.some((name) => !(name in before));
  return { load: names.filter((name) => counts(before[name]) !== counts(after[name])), pools };
}

/** Everything but idle times, which change by themselves. */
const counts = (load: PoolLoad | undefined): string => JSON.stringify({ ...load, idleMs: undefined });
