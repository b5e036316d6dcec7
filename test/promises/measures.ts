import { lostRequests } from './measures/fleet/lost-requests.ts';
import { readySeconds } from './measures/fleet/ready-seconds.ts';
import { restartSeconds } from './measures/fleet/restart-seconds.ts';
import { startLines } from './measures/fleet/start-lines.ts';
import { stopSeconds } from './measures/fleet/stop-seconds.ts';
import { zeroLost, zeroOverheadMs } from './measures/operator/rush.ts';
import { overheadMs } from './measures/router/overhead-ms.ts';
import { prefixHits } from './measures/router/prefix-hits.ts';
import { heldOutApgr } from './measures/routing/apgr.ts';
import { scoreMs } from './measures/routing/score-ms.ts';
import { scoreP99Us, scoreUs } from './measures/routing/score-us.ts';
import { sharePoints, turnedAway } from './measures/routing/share.ts';
import { bilingual, orders, rewording } from './measures/routing/steadiness.ts';
import { adapters } from './measures/runtime/adapters.ts';
import { batchRatio } from './measures/runtime/batch-ratio.ts';
import { hostileFiles } from './measures/runtime/hostile-files.ts';
import { gapSteps, ghostTokens } from './measures/runtime/leaving.ts';
import { parity } from './measures/runtime/parity.ts';
import type { Measure } from './promise.ts';

/** How each promise is measured; an id that is not here has a command of its own, which keeps what it found. */
export const measures: Readonly<Record<string, Measure>> = {
  'fleet.stop-seconds': stopSeconds,
  'fleet.start-lines': startLines,
  'fleet.ready-seconds': readySeconds,
  'fleet.restart-seconds': restartSeconds,
  'fleet.lost-requests': lostRequests,
  'operator.zero-lost': zeroLost,
  'operator.zero-overhead-ms': zeroOverheadMs,
  'runtime.parity': parity,
  'runtime.batch-ratio': batchRatio,
  'runtime.adapters': adapters,
  'runtime.hostile-files': hostileFiles,
  'runtime.ghost-tokens': ghostTokens,
  'runtime.gap-steps': gapSteps,
  'router.overhead-ms': overheadMs,
  'router.prefix-hits': prefixHits,
  'routing.apgr': heldOutApgr,
  'routing.score-ms': scoreMs,
  'routing.score-us': scoreUs,
  'routing.score-p99-us': scoreP99Us,
  'routing.share-points': sharePoints,
  'routing.turned-away': turnedAway,
  'routing.bilingual': bilingual,
  'routing.rewording': rewording,
  'routing.orders': orders,
};
