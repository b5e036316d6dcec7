// npm test [-- FILTER]: unit, contract and end-to-end tests. npm run test:full: the slow rest, and
// npm run test:cluster alone: what needs a real Kubernetes, which it builds.
// Ends with the plain line "N passed, N failed, N skipped".
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTotalTests: number;
  numFailedTestSuites: number;
  success: boolean;
  testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[];
};

const args = process.argv.slice(2);
const projectsOf: Record<string, string[]> = { '--full': ['full', 'cluster'], '--cluster': ['cluster'] };
const filters = args.filter((argument) => !(argument in projectsOf));
const projects = args.flatMap((argument) => projectsOf[argument] ?? []);
if (projects.length === 0) projects.push('unit', 'e2e');

const scratch = mkdtempSync(path.join(tmpdir(), 'qwenfleet-test-'));
const reportFile = path.join(scratch, 'report.json');
const code = await vitest();
const report = readReport();
rmSync(scratch, { recursive: true, force: true });

for (const name of skippedNames(report)) process.stdout.write(`skipped: ${name}\n`);
const brokenFiles = report?.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
);
const failed = (report?.numFailedTests ?? 0) + (brokenFiles?.length ?? 0) || (code === 0 ? 0 : 1);
process.stdout.write(
  `${report?.numPassedTests ?? 0} passed, ${failed} failed, ${skippedNames(report).length} skipped\n`,
);
process.exitCode = failed === 0 && report !== undefined && report.numPassedTests > 0 ? 0 : 1;

function vitest(): Promise<number> {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const chosen = projects.flatMap((project) => ['--project', project]);
  return new Promise((resolve, reject) => {
    const child = spawn('vitest', ['run', ...chosen, ...reporters, ...filters], { stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
}

function readReport(): Report | undefined {
  try {
    // vitest writes this file; its shape is Jest's.
    return JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

function skippedNames(of: Report | undefined): string[] {
  return (of?.testResults ?? []).flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status === 'skipped' || test.status === 'pending' || test.status === 'todo')
      .map((test) => test.fullName),
  );
}
