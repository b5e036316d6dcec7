import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../house/imports.ts';
import { command } from './command.ts';

export type OperatorFolder = { folder: string; env: Record<string, string>; remove: () => void };

/** The operator's files as its image holds them, without types and tests, in a folder of this machine. */
export async function layOperatorFolder(): Promise<OperatorFolder> {
  const top = mkdtempSync(path.join(tmpdir(), 'qwenfleet-operator-'));
  const remove = (): void => rmSync(top, { recursive: true, force: true });
  const args = [path.join(root, 'scripts/images/main.ts'), '--folder', top, 'operator'];
  const { code, stderr } = await command(process.execPath, args);
  if (code !== 0) {
    remove();
    throw new Error(`the operator's files cannot be laid down: ${stderr}`);
  }
  const folder = path.join(top, 'app');
  return { folder, env: { NODE_OPTIONS: nodeOptions().replace('/app', folder) }, remove };
}

/** What its image sets, for every process. */
function nodeOptions(): string {
  const text = readFileSync(path.join(root, 'images/operator/Dockerfile'), 'utf8');
  return /^ENV .*\bNODE_OPTIONS=(\S+)$/m.exec(text)?.[1] ?? '';
}
