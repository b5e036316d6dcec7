import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** How long a process of this machine may take to do what it is about to do; a busy machine is slow. */
const patienceMs = 30_000;

export const fixture = (name: string): string => path.join(import.meta.dirname, '../local/fixtures', `${name}.ts`);

/** Waits until the condition holds. Throws when it does not in good time. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function isAlive(pid: number | undefined): boolean {
  try {
    if (pid === undefined) return false;
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A folder that is gone after the test. */
export function scratchFolder(after: (clean: () => void) => void): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-local-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
