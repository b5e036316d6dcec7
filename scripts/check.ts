// npm run check: types, type-aware lint, format, and the rules of the house. Everything runs, then the verdict.
import { spawn } from 'node:child_process';

type Check = { name: string; command: string; args: string[] };

const checks: Check[] = [
  { name: 'types', command: 'tsc', args: ['-p', '.'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware'] },
  { name: 'format', command: 'oxfmt', args: ['--check', '.'] },
  { name: 'house rules', command: 'vitest', args: ['run', '--project', 'e2e', 'test/house', '--reporter=dot'] },
];

const failed: string[] = [];
for (const check of checks) {
  const startedMs = performance.now();
  const { code, output } = await run(check);
  const took = `${((performance.now() - startedMs) / 1000).toFixed(1)}s`;
  process.stdout.write(`${code === 0 ? '✓' : '✗'} ${check.name.padEnd(12)} ${took}\n`);
  if (code === 0) continue;
  failed.push(check.name);
  process.stdout.write(`${output}\n`);
}
process.stdout.write(`${checks.length - failed.length} passed, ${failed.length} failed\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(check: Check): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(check.command, check.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('exit', (code) => resolve({ code: code ?? 1, output }));
  });
}
