/** What vitest writes of a run; its shape is Jest's. */
export type Report = { testResults: FileResult[] };
type FileResult = { name: string; status: string; assertionResults: { status: string; fullName: string }[] };

/** What a run came to. A file that ended before it had a test counts as one failure. */
export type Counts = { passed: number; failed: number; skipped: string[] };

const notRun = ['skipped', 'pending', 'todo'];

export function countsOf({ testResults }: Report): Counts {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    failed: testResults.map(failuresOf).reduce((sum, failures) => sum + failures.length, 0),
    skipped: tests.filter(({ status }) => notRun.includes(status)).map(({ fullName }) => fullName),
  };
}

/** Files with a failure, by path. */
export const failedFiles = ({ testResults }: Report): string[] =>
  testResults.filter((file) => failuresOf(file).length > 0).map(({ name }) => name);

/** The run with what its files came to when they were run again, and what failed at first only. */
export function withSecondTry(first: Report, second: Report): { report: Report; flaky: string[] } {
  const again = new Map(second.testResults.map((file) => [file.name, file]));
  const tries = first.testResults.map((file) => ({ file, last: again.get(file.name) ?? file }));
  const flaky = tries.flatMap(({ file, last }) => {
    const still = new Set(failuresOf(last));
    return failuresOf(file).filter((failure) => !still.has(failure));
  });
  return { report: { testResults: tries.map(({ last }) => last) }, flaky };
}

function failuresOf({ name, status, assertionResults }: FileResult): string[] {
  const failed = assertionResults.filter((test) => test.status === 'failed').map(({ fullName }) => fullName);
  return failed.length === 0 && status === 'failed' ? [name] : failed;
}
