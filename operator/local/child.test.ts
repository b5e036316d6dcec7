import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { FromChild } from '@qwenfleet/core/fleet/channel';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { fixture, isAlive, scratchFolder, until } from '../harness/processes.ts';
import { Child } from './child.ts';

type Heard = {
  child: Child;
  configFile: string;
  logFile: string;
  said: FromChild[];
  ends: { code: number | null; signal: string | null }[];
};

const started: Child[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill();
});

function start(program: string): Heard {
  const folder = scratchFolder(onTestFinished);
  const logFile = path.join(folder, 'logs/child.log');
  const configFile = path.join(folder, 'config.json');
  const said: FromChild[] = [];
  const ends: Heard['ends'] = [];
  const child = new Child({
    entry: fixture(program),
    args: ['--config', configFile],
    logFile,
    onMessage: (message) => said.push(message),
    onExit: (how) => ends.push(how),
  });
  started.push(child);
  return { child, configFile, logFile, said, ends };
}

const isReady = ({ said }: Heard): boolean => said.some(({ type }) => type === 'ready');

describe('a process of the fleet', () => {
  it('is heard when it speaks the channel’s words, and ignored when it babbles', async () => {
    const heard = start('babbling');
    await until(() => isReady(heard), 'ready');
    expect(heard.said.map(({ type }) => type)).toEqual(['listening', 'ready']);
    expect(heard.ends).toEqual([]);
  });

  it('ends when it is asked to, by itself', async () => {
    const heard = start('ready');
    await until(() => isReady(heard), 'ready');
    await heard.child.stop(60_000);
    expect(heard.ends).toEqual([{ code: 0, signal: null }]);
    expect(isAlive(heard.child.pid)).toBe(false);
  });

  it('finishes what it runs first', async () => {
    const heard = start('busy');
    await until(() => isReady(heard), 'ready');
    await heard.child.stop(60_000);
    expect(existsSync(`${heard.configFile}.finished`)).toBe(true);
    expect(heard.ends).toEqual([{ code: 0, signal: null }]);
  });

  it('is killed when it does not end in time', async () => {
    const heard = start('stubborn');
    await until(() => isReady(heard), 'ready');
    await heard.child.stop(50);
    expect(heard.ends).toEqual([{ code: null, signal: 'SIGKILL' }]);
    expect(isAlive(heard.child.pid)).toBe(false);
  });

  it('is asked once more without harm after it has ended', async () => {
    const heard = start('crashing');
    await heard.child.exited;
    heard.child.send({ type: 'drain' });
    heard.child.kill();
    await heard.child.stop(50);
    expect(heard.ends).toEqual([{ code: 3, signal: null }]);
  });

  it('has a log that only its owner reads, with what it said when it could not start', async () => {
    const heard = start('no-such-program');
    await heard.child.exited;
    expect(heard.ends).toEqual([{ code: 1, signal: null }]);
    expect(readFileSync(heard.logFile, 'utf8')).toContain('no-such-program');
    expect(statSync(heard.logFile).mode & 0o777).toBe(0o600);
  });

  it.each(['ready', 'stubborn'])('such as %s ends by itself when its parent is killed with -9', async (program) => {
    const folder = scratchFolder(onTestFinished);
    const parent = spawn(process.execPath, [fixture('parent'), fixture(program), path.join(folder, 'child.log')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    let said = '';
    parent.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until(() => said.endsWith('\n'), 'the parent says its child is ready');
    const pid = Number(said);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await until(() => !isAlive(pid), 'the child ends');
  });
});
