// Installs Chromium for the browser test, where that takes no question: as root on Debian and its kin.
// Does nothing when it is there. Ends with 0 when a Chromium is on this machine.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const browser = '/usr/bin/chromium';
const lockWaitSeconds = 300;

if (existsSync(browser)) process.exit(0);
if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
  process.stderr.write(
    `There is no ${browser}, and only root on Debian can install it here: apt-get install chromium\n`,
  );
  process.exit(1);
}
process.stderr.write('Installing Chromium for the browser test ...\n');
const updated = await apt('update');
const installed = updated && (await apt('install', '--yes', '--no-install-recommends', 'chromium'));
process.stderr.write(
  installed ? 'Installed Chromium.\n' : 'Chromium could not be installed; the browser test is skipped.\n',
);
process.exit(installed && existsSync(browser) ? 0 : 1);

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
