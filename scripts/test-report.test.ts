import { describe, expect, it } from 'vitest';
import { countsOf, failedFiles, withSecondTry, type Report } from './test-report.ts';

type Tests = Record<string, 'passed' | 'failed' | 'skipped'>;

function run(files: Record<string, Tests>): Report {
  const testResults = Object.entries(files).map(([name, tests]) => {
    const assertionResults = Object.entries(tests).map(([fullName, status]) => ({ fullName, status }));
    const broken = assertionResults.length === 0 || assertionResults.some(({ status }) => status === 'failed');
    return { name, status: broken ? 'failed' : 'passed', assertionResults };
  });
  return { testResults };
}

describe('a run of the tests', () => {
  it('is counted test by test, and a file that broke before its first test as one failure', () => {
    const report = run({ a: { one: 'passed', two: 'failed', three: 'skipped' }, b: {}, c: { four: 'passed' } });
    expect(countsOf(report)).toEqual({ passed: 2, failed: 2, skipped: ['three'] });
    expect(failedFiles(report)).toEqual(['a', 'b']);
  });

  it('that goes well at the second try names what did not at the first', () => {
    const first = run({ a: { one: 'passed', two: 'failed' }, b: {}, c: { four: 'passed' } });
    const { report, flaky } = withSecondTry(
      first,
      run({ a: { one: 'passed', two: 'passed' }, b: { three: 'passed' } }),
    );
    expect(countsOf(report)).toEqual({ passed: 4, failed: 0, skipped: [] });
    expect(flaky).toEqual(['two', 'b']);
  });

  it('that fails again has failed, also where something else fails at the second try', () => {
    const first = run({ a: { one: 'passed', two: 'failed' }, b: { three: 'failed' } });
    const { report, flaky } = withSecondTry(
      first,
      run({ a: { one: 'failed', two: 'passed' }, b: { three: 'failed' } }),
    );
    expect(countsOf(report)).toMatchObject({ passed: 1, failed: 2 });
    expect(flaky).toEqual(['two']);
  });

  it('that fails again in one file is flaky in another that has a test of the same name', () => {
    const first = run({ a: { same: 'failed' }, b: { same: 'failed' } });
    const { report, flaky } = withSecondTry(first, run({ a: { same: 'passed' }, b: { same: 'failed' } }));
    expect(countsOf(report)).toMatchObject({ passed: 1, failed: 1 });
    expect(flaky).toEqual(['same']);
  });

  it('whose files were not run again keeps their failures', () => {
    const first = run({ a: { one: 'failed' }, b: { two: 'passed' } });
    expect(countsOf(withSecondTry(first, run({})).report)).toMatchObject({ passed: 1, failed: 1 });
  });
});
