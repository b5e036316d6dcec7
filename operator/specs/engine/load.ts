import type { ReplicaSample } from '../../scale/metrics.ts';

/** What an engine says of itself, and the tokens that it has decoded since it started. */
export type EngineReport = ReplicaSample & { completionTokensTotal: number };

/** What a replica said before, and how long ago. */
export type Last<Report> = { report: Report; ageMs: number };

/** How the replicas of an engine say how full they are. */
export type EngineLoad = {
  /** On the port where it answers requests. */
  path: string;
  /** `last` is of the same replica. Throws on what is no report. */
  read: (text: string, last: Last<EngineReport> | undefined) => EngineReport;
};
