import type { RevisionReport } from '@qwenfleet/core/load/pool-report';
import { addedArms, armBetween, emptyArm, type Arm } from '@qwenfleet/operator/rollout/arm';
import type { StepResults } from '@qwenfleet/operator/rollout/types';
import type { Report } from './router.ts';

type Totals = Readonly<Record<string, RevisionReport>>;

/** What one process of the operator has seen of a step: what came since its first look, router by router. */
export class Results {
  #step: string | undefined;
  #began = new Map<string, Totals>();

  since(step: string | undefined, reports: readonly Report[]): StepResults | undefined {
    if (step !== this.#step) this.#began = new Map();
    this.#step = step;
    if (step === undefined || reports.length === 0) return undefined;
    const byRevision: Record<string, Arm> = {};
    for (const { instance, revisions } of reports) {
      // What a router had counted before it was first heard may belong to another step.
      const began = this.#began.get(instance) ?? revisions;
      this.#began.set(instance, began);
      for (const [revision, totals] of Object.entries(revisions)) {
        const arm = armBetween(totals, began[revision]);
        byRevision[revision] = addedArms(byRevision[revision] ?? emptyArm(), arm);
      }
    }
    return { step, byRevision };
  }
}
