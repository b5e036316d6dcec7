import { writeFileSync } from 'node:fs';
import { terminationText, type Termination } from '@qwenfleet/core/fleet/termination';
import type { Logger } from '@qwenfleet/core/log';
import { terminationLog } from './config.ts';

/** Says why this process ends where Kubernetes looks for it; nowhere when nobody asked. Never throws. */
export function leaveLastWord(why: Termination, log: Logger): void {
  const file = terminationLog();
  if (file === undefined) return;
  try {
    writeFileSync(file, terminationText(why));
  } catch (err) {
    log.warn({ err }, 'the termination message could not be written');
  }
}
