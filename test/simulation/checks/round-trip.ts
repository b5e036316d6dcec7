import { isDeepStrictEqual } from 'node:util';
import type { Instant } from '@qwenfleet/core/clock';
import { fromStatus } from '@qwenfleet/operator/rollout/status';
import type { RolloutState } from '@qwenfleet/operator/rollout/types';
import type { Status } from '../world/objects.ts';

/** A state is the same after it went through the status, in the middle of a rollout too. */
export function lostOnTheWay(state: RolloutState, { rollout }: Status, time: Instant): string | undefined {
  const [was, is] = [plain(state), plain(fromStatus(rollout, time))];
  if (isDeepStrictEqual(was, is)) return undefined;
  return `a state changes on its way through the status: ${JSON.stringify(was)} became ${JSON.stringify(is)}`;
}

/** Without what is undefined, and without revisions that were told to have nothing: it is all the same. */
function plain(state: RolloutState | undefined): unknown {
  const told = Object.fromEntries(Object.entries(state?.told ?? {}).filter(([, replicas]) => replicas > 0));
  return JSON.parse(JSON.stringify({ ...state, told }));
}
