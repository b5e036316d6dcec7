// npm test [-- FILTER]: unit, contract and end-to-end tests. npm run test:full: the slow rest, and
// npm run test:cluster alone: what needs a real Kubernetes, which it builds. npm run test:observe: what is about metrics.
// --second-try: runs files that failed once more, alone, and names as flaky what passes then.
// Ends with the plain line "N passed, N failed, N skipped".
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { faultsFile } from './test-faults.ts';
import { countsOf, failedFiles, withSecondTry, type Report } from './test-report.ts';

/** Where more fails, it is no bad luck. */
const filesAgainMax = 3;

const args = process.argv.slice(2);
const projectsOf: Record<string, string[]> = {
  '--full': ['full', 'cluster'],
  '--cluster': ['cluster'],
  '--observe': ['unit', 'e2e', 'full'],
};
const secondTry = '--second-try';
const filters = args.filter((argument) => !(argument in projectsOf) && argument !== secondTry);
const projects = args.flatMap((argument) => projectsOf[argument] ?? []);
if (projects.length === 0) projects.push('unit', 'e2e');

const first = await vitest(filters);
const { report, ended, flaky } = args.includes(secondTry) ? await again(first) : { ...first, flaky: [] };
const { passed, failed, skipped } = report ? countsOf(report) : { passed: 0, failed: 0, skipped: [] };
// What fails outside any test is in no report.
const failures = failed || (ended === 0 && report !== undefined ? 0 : 1);
for (const name of skipped) process.stdout.write(`skipped: ${name}\n`);
for (const name of flaky)
  process.stdout.write(`flaky: ${name} failed, and passed when it was run alone: find out why\n`);
process.stdout.write(`${passed} passed, ${failures} failed, ${skipped.length} skipped\n`);
process.exitCode = failures === 0 && passed > 0 ? 0 : 1;

/** With the number of errors outside of any test. */
type Run = { report: Report | undefined; faults: number; ended: number };

async function vitest(files: readonly string[]): Promise<Run> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'qwenfleet-test-'));
  const reportFile = path.join(scratch, 'report.json');
  const faultsReporter = path.join(import.meta.dirname, 'test-faults.ts');
  const reporters = ['default', 'json', faultsReporter].map((name) => `--reporter=${name}`);
  reporters.push(`--outputFile.json=${reportFile}`);
  const chosen = projects.flatMap((project) => ['--project', project]);
  const child = spawn('vitest', ['run', ...chosen, ...reporters, ...files], { stdio: 'inherit' });
  const ended = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
  try {
    // vitest writes this file.
    const report = JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
    return { report, faults: Number(readFileSync(path.join(scratch, faultsFile), 'utf8')), ended };
  } catch {
    return { report: undefined, faults: 0, ended };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function again(run: Run): Promise<Run & { flaky: string[] }> {
  const files = run.report ? failedFiles(run.report) : [];
  // What went wrong outside of tests is in no file that could be run again.
  if (!run.report || run.faults > 0 || files.length === 0 || files.length > filesAgainMax) return { ...run, flaky: [] };
  process.stdout.write(`second try: ${files.map((file) => path.relative('.', file)).join(', ')}\n`);
  const second = await vitest(files);
  if (!second.report) return { ...run, flaky: [] };
  return { ...second, ...withSecondTry(run.report, second.report) };
}
