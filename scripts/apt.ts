import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const lockWaitSeconds = 300;

/** Whether packages can be installed here without a question: as root on Debian and its kin. */
export const canInstall = (): boolean => process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');

/** Installs Debian packages without those they only recommend. False when that failed; apt has said why. */
export async function installPackages(...packages: string[]): Promise<boolean> {
  return (await apt('update')) && (await apt('install', '--yes', '--no-install-recommends', ...packages));
}

/** Runs apt-get; shows its own progress on a terminal, one dot a package elsewhere, everything when it fails. */
function apt(...args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('apt-get', ['-o', `DPkg::Lock::Timeout=${lockWaitSeconds}`, ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: process.stderr.isTTY ? ['ignore', process.stderr, process.stderr] : ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (/^(Get:|Setting up)/m.test(chunk.toString())) process.stderr.write('.');
      });
    }
    child.on('error', () => resolve(false));
    child.on('exit', (code) => {
      if (said !== '') process.stderr.write(code === 0 ? '\n' : `\n${said}\n`);
      resolve(code === 0);
    });
  });
}
