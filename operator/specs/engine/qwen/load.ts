import { loadReportSchema } from '@qwenfleet/core/load/report';
import type { EngineLoad } from '../load.ts';

/** Our runtime's load report, which has rates of its own. */
export const qwenLoad: EngineLoad = { path: '/load', read: (text) => loadReportSchema.parse(JSON.parse(text)) };
