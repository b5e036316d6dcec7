import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describeError } from '@qwenfleet/core/errors';
import { openAiVersion, pythonWithOpenAi } from '../../harness/python.ts';
import type { Client, FullStand, Part } from '../behaviour.ts';

export const pythonName = 'openai (Python)';

const file = path.join(import.meta.dirname, 'behaviours.py');

/** Names and needs as they stand in the file, so that they can be counted where there is no Python. */
const named = [...readFileSync(file, 'utf8').matchAll(/^@behaviour\((.*)\)$/gm)].map(([, list = '']) => {
  const [name = '', ...needs] = [...list.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text);
  // The file's own words.
  return { name, needs: needs as Part[] };
});

/** The client of Python, in a process of its own that is asked for one behaviour at a time. */
export async function openaiPython(): Promise<Client> {
  const common = { name: pythonName, version: openAiVersion };
  let parts: Awaited<ReturnType<typeof pythonWithOpenAi>>;
  try {
    parts = await pythonWithOpenAi();
  } catch (error) {
    const missing = describeError(error).split('\n')[0] ?? '';
    const run = (): Promise<void> => Promise.reject(new Error(missing));
    return { ...common, missing, behaviours: named.map((each) => ({ ...each, run })) };
  }
  const child = spawn(parts.python, [file], { env: parts.env, stdio: ['pipe', 'pipe', 'inherit'] });
  const ask = asking(child);
  const behaviours = named.map((each) => ({ ...each, run: (stand: FullStand) => ask(each.name, stand) }));
  const close = async (): Promise<void> => void child.kill('SIGKILL');
  return { ...common, behaviours, close };
}

type Waiting = { resolve: () => void; reject: (error: Error) => void };

function asking(child: ChildProcess): (name: string, stand: FullStand) => Promise<void> {
  const waiting: Waiting[] = [];
  const fail = (why: string): void => waiting.splice(0).forEach(({ reject }) => reject(new Error(why)));
  child.on('error', (error) => fail(error.message));
  child.on('exit', () => fail('Python has ended'));
  if (child.stdout)
    createInterface(child.stdout).on('line', (line) => {
      // Written by behaviours.py.
      const { ok, why = '' } = JSON.parse(line) as { ok: boolean; why?: string };
      const next = waiting.shift();
      if (ok) next?.resolve();
      else next?.reject(new Error(why));
    });
  return (name, stand) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin?.write(`${JSON.stringify({ name, stand })}\n`);
    });
}
