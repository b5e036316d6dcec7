import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../house/imports.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-train-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run train', () => {
  it('makes the weights that are in the repository, byte by byte', async () => {
    const out = path.join(folder, 'weights.json');
    const child = spawn(process.execPath, ['router/score/train/main.ts', '--out', out], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    setPriority(child.pid ?? 0, 10);
    const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    expect(complaints).toBe('');
    expect(said).toContain('wrote weights.json');
    expect(readFileSync(out).equals(readFileSync(path.join(root, 'router/score/weights.json')))).toBe(true);
  });
});
