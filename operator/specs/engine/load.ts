import type { ReplicaSample } from '../../scale/metrics.ts';

/** What an engine says of itself, and the tokens that it has decoded since it started. */
export type EngineReport = ReplicaSample & { completionTokensTotal: number };

/** How the replicas of an engine say how full they are. */
export type EngineLoad = {
  /** On the port where it answers requests. */
  path: string;
  /**
   * @param last what the same replica said before, and how long ago.
   * Throws on what is no report.
   */
  read: (text: string, last: { report: EngineReport; ageMs: number } | undefined) => EngineReport;
};
