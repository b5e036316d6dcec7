import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from '../../house/imports.ts';
import { kubectlEnvironment, type Cluster } from '../cluster/cluster.ts';
import { testbedCache } from '../cluster/testbed.ts';
import { helmProgram } from '../helm.ts';

export type Result = { code: number; output: string };

/** One shell of a reader, in a folder that looks like a clone: what one command starts or sets, the next one finds. */
export class Session {
  readonly #shell: ChildProcess;
  readonly #scratch: string;
  readonly folder: string;

  /** Programs are shell scripts by name, which are found before those of the machine. */
  constructor(programs: Readonly<Record<string, string>>, env: Readonly<Record<string, string>>) {
    this.#scratch = mkdtempSync(path.join(tmpdir(), 'qwenfleet-guide-'));
    this.folder = path.join(this.#scratch, 'qwenfleet');
    const bin = path.join(this.#scratch, 'bin');
    for (const folder of [this.folder, bin]) mkdirSync(folder);
    for (const name of readdirSync(root)) {
      if (!name.startsWith('.')) symlinkSync(path.join(root, name), path.join(this.folder, name));
    }
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    this.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd: this.folder,
      env: { ...process.env, ...env, PATH: `${bin}:${process.env['PATH']}` },
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  }

  write(name: string, text: string): void {
    writeFileSync(path.join(this.folder, name), text);
  }

  /** Throws when it takes longer. */
  async run(command: string, withinMs: number): Promise<Result> {
    const [file, output] = ['command', 'output'].map((name) => path.join(this.#scratch, name)) as [string, string];
    writeFileSync(file, `${command}\n`);
    const code = await this.#ask(`source ${file} >${output} 2>&1 </dev/null; echo "ended $?"\n`, withinMs);
    return { code, output: readFileSync(output, 'utf8') };
  }

  #ask(line: string, withinMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const { stdin, stdout } = this.#shell;
      const late = setTimeout(() => reject(new Error(`${line.trim()}: no end after ${withinMs} ms`)), withinMs);
      stdout?.once('data', (chunk: Buffer) => {
        clearTimeout(late);
        resolve(Number(/^ended (\d+)/.exec(chunk.toString())?.[1]));
      });
      stdin?.write(line);
    });
  }

  /** Ends everything that was started in it. */
  end(): void {
    if (this.#shell.pid !== undefined) {
      try {
        process.kill(-this.#shell.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

/** Somebody with a clone, kubectl, helm and the rights of an administrator of the cluster; on its node, where it is one. */
export async function readerOf(cluster: Cluster): Promise<Session> {
  const kubebox = path.join(await testbedCache(), 'kubebox');
  const programs = { kubectl: `exec ${kubebox} kubectl "$@"`, helm: `exec ${helmProgram.file} "$@"` };
  const { KUBECACHEDIR = '', KUBERC = '' } = kubectlEnvironment(cluster.dataDir);
  return new Session(programs, {
    ...helmProgram.env,
    KUBECONFIG: cluster.kubeconfig,
    KUBECACHEDIR,
    KUBERC,
    CONTAINERD_ADDRESS: path.join(cluster.dataDir, 'containerd.sock'),
  });
}
