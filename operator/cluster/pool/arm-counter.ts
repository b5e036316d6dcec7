import type { PoolReport } from '@qwenfleet/core/load/pool-report';
import { addedArms, armBetween, emptyArm, type Arm } from '../../rollout/arm.ts';
import type { StepResults } from '../../rollout/types.ts';

/** What each router says of a pool, by the id of the router. */
export type RouterReports = ReadonlyMap<string, PoolReport>;

/**
 * Results of one step of a pool's rollout: what routers counted since this process saw the step first. A router's first
 * report is where its counting begins; one that starts again or goes takes nothing away.
 */
export class ArmCounter {
  #step: string | undefined;
  #last: RouterReports = new Map();
  #arms: Record<string, Arm> = {};

  /** @param step see `stepOf`; undefined while nothing is compared. */
  count(step: string | undefined, reports: RouterReports): StepResults | undefined {
    if (step !== this.#step) {
      this.#step = step;
      this.#arms = {};
      this.#last = step === undefined ? new Map() : reports;
    }
    if (step === undefined || reports.size === 0) return undefined;
    for (const [router, report] of reports) this.#add(report, this.#last.get(router));
    // What a router said last stays known while it is silent; one that is gone for good is one of few.
    this.#last = new Map([...this.#last, ...reports].slice(-routersMax));
    return { step, byRevision: this.#arms };
  }

  #add(report: PoolReport, last: PoolReport | undefined): void {
    if (!last || last === report) return;
    for (const [revision, later] of Object.entries(report.revisions)) {
      const arm = this.#arms[revision] ?? emptyArm();
      this.#arms[revision] = addedArms(arm, armBetween(later, last.revisions[revision]));
    }
  }
}

/** Routers whose last report is remembered. */
const routersMax = 256;
