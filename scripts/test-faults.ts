import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Reporter, Vitest } from 'vitest/node';

export const faultsFile = 'faults';

/** A reporter for vitest: writes how many errors were outside of any test, which its JSON leaves out, beside that file. */
export default class TestFaults implements Reporter {
  #folder = '.';

  onInit({ config: { outputFile } }: Vitest): void {
    if (typeof outputFile === 'object' && outputFile['json']) this.#folder = path.dirname(outputFile['json']);
  }

  onTestRunEnd(_modules: unknown, errors: readonly unknown[]): void {
    writeFileSync(path.join(this.#folder, faultsFile), String(errors.length));
  }
}
