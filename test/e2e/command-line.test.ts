import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exitCodes } from '@qwenfleet/cli/failure';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishedCheckpoint } from '../harness/checkpoints.ts';
import { qwenfleet, start, type Command, type Environment } from '../harness/command-line.ts';
import { eventually, freePort } from '../harness/fleet.ts';
import { serveHub, type Hub } from '../harness/hub.ts';

const slowMs = 60_000;

describe('exit codes', () => {
  it('are all in the help', async () => {
    const { stdout, code } = await qwenfleet(['--help']).ended;
    expect(code).toBe(0);
    for (const { code: documented, meaning } of Object.values(exitCodes))
      expect(stdout).toContain(`  ${String(documented).padEnd(5)}${meaning}`);
  });

  it.each([
    ['ok', ['version']],
    ['failed', ['models', 'pull', 'file:///no/such/model.gguf']],
    ['usage', ['sttus']],
    ['usage', ['up', '--fleet', 'no-such-file.yaml']],
    ['unreachable', ['status', '--url', 'http://127.0.0.1:9']],
  ] as const)('such as that of %s are what %j ends with', async (exit, args) => {
    const { code, stdout, stderr } = await qwenfleet(args).ended;
    expect(code).toBe(exitCodes[exit].code);
    if (exit === 'ok') expect(stderr).toBe('');
    else expect([stdout, stderr]).toEqual(['', expect.stringMatching(/^qwenfleet: .+\n/)]);
  });

  it('reach the shell through npm’s entry, help included', async () => {
    const help = await start(process.execPath, ['scripts/run.mjs', 'cli/main.ts', 'up', '--help']).ended;
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const option of ['--profile', '--fleet', '--port', '--json']) expect(help.stdout).toContain(option);
    const wrong = await start(process.execPath, ['scripts/run.mjs', 'cli/main.ts', 'up', '--prot', '1']).ended;
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('--port');
  });
});

describe('models pull', () => {
  let folder: string;
  let hub: Hub;
  const running: Command[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-pull-'));
    hub = await serveHub('Qwen/Tiny', publishedCheckpoint());
  });
  afterEach(async () => {
    for (const command of running.splice(0)) command.process.kill('SIGKILL');
    await hub.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function run(args: readonly string[]): Command {
    const env = { HF_ENDPOINT: hub.url, HF_HOME: path.join(folder, 'hf'), QWENFLEET_CACHE: path.join(folder, 'cache') };
    const command = qwenfleet(args, env);
    running.push(command);
    return command;
  }
  const pull = (...args: string[]): Command => run(['models', 'pull', 'hf://Qwen/Tiny', ...args]);

  /** Until the weights stand still in the middle. */
  async function stalled(...args: string[]): Promise<Command> {
    hub.stall('model.safetensors', 200_000);
    const command = pull(...args);
    await eventually(
      async () => hub.bytesSent(),
      (bytes) => bytes >= 200_000,
      slowMs,
    );
    // What was sent has to be written before it can be kept.
    await eventually(async () => isHalfHere(), Boolean, slowMs);
    return command;
  }

  const isHalfHere = (): boolean => globSync(`${folder}/hf/**/blobs/*`).some((file) => statSync(file).size > 100_000);
  const resumedAt = (): number[] =>
    hub.seen.flatMap((line) => /^storage GET .*bytes=(\d+)-$/.exec(line)?.[1] ?? []).map(Number);

  it('shows each file with its size on standard error, and the place alone on standard output', async () => {
    const { code, stdout, stderr } = await pull().ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\/.*\/snapshots\/\w{40}\n$/);
    for (const name of ['config.json', 'tokenizer.json', 'model.safetensors'])
      expect(stderr).toMatch(new RegExp(`^ {2}.*${name}: .*[\\d.]+ k?M?B`, 'm'));
    expect(readFileSync(path.join(stdout.trim(), 'config.json'), 'utf8')).toContain('{');
  });

  it('is one JSON object with --json', async () => {
    const { stdout } = await pull('--json').ended;
    expect(JSON.parse(stdout)).toEqual({ uri: 'hf://Qwen/Tiny', path: expect.stringMatching(/^\//) });
  });

  it('that is killed with -9 goes on where it was', async () => {
    const first = await stalled();
    first.process.kill('SIGKILL');
    await first.ended;
    const { code } = await pull().ended;
    expect(code).toBe(0);
    expect(resumedAt()).toEqual([expect.any(Number)]);
    expect(resumedAt()[0]).toBeGreaterThan(100_000);
  });

  it('that is stopped with Ctrl-C says how to go on, and ends with 130', async () => {
    const first = await stalled();
    first.process.kill('SIGINT');
    const { code, stdout, stderr } = await first.ended;
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/qwenfleet: Stopped before everything was here\.\nThe same command goes on/);
    expect((await pull().ended).code).toBe(0);
    expect(resumedAt()).toHaveLength(1);
  });

  it('as the first part of a start stops as well, before any process has started', async () => {
    const file = path.join(folder, 'fleet.yaml');
    writeFileSync(
      file,
      'apiVersion: qwenfleet.io/v1alpha1\nkind: QwenDeployment\nmetadata: {name: tiny}\n' +
        'spec: {tier: small, model: {uri: "hf://Qwen/Tiny"}, hardware: {class: cpu, count: 1}}\n',
    );
    hub.stall('model.safetensors', 200_000);
    const up = run(['up', '--fleet', file, '--port', String(await freePort())]);
    await eventually(async () => isHalfHere(), Boolean, slowMs);
    up.process.kill('SIGINT');
    const { code, stdout, stderr } = await up.ended;
    expect([code, stdout]).toEqual([130, '']);
    expect(stderr).toContain('qwenfleet: Stopped.');
  });
});

describe('colours', () => {
  /** Runs the command line on a terminal, which only a pseudo-terminal can be in a test. */
  const onTerminal = (args: readonly string[], env: Environment): Command =>
    start('python3', ['-c', 'import pty, sys; pty.spawn(sys.argv[1:])', process.execPath, 'cli/main.ts', ...args], {
      TERM: 'xterm-256color',
      ...env,
    });
  const escape = String.fromCodePoint(27);
  const wrong = ['status', '--url', 'http://127.0.0.1:9'];

  it('are there on a terminal, and not with NO_COLOR', async () => {
    const plain = { FORCE_COLOR: undefined, NO_COLOR: undefined, CI: undefined };
    const coloured = (await onTerminal(wrong, plain).ended).stdout;
    expect(coloured).toContain('Nothing answers');
    expect(coloured).toContain(escape);
    const bare = (await onTerminal(wrong, { ...plain, NO_COLOR: '1' }).ended).stdout;
    expect(bare).toContain('Nothing answers');
    expect(bare).not.toContain(escape);
  });

  it('are not there in a file', async () => {
    expect((await qwenfleet(wrong).ended).stderr).not.toContain(escape);
  });
});
