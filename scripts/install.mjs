// Installs what the lockfile says, once, and again only when the lockfile has changed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** @param {string} root the folder with package-lock.json */
export async function install(root) {
  const lockfile = path.join(root, 'package-lock.json');
  const stamp = path.join(root, 'node_modules/.qwenfleet-lock');
  const digest = createHash('sha256').update(readFileSync(lockfile)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  const wanted = Object.keys(JSON.parse(readFileSync(lockfile, 'utf8')).packages).length;
  const bar = progress(root, wanted);
  try {
    await npmCi(root);
  } finally {
    bar.stop();
  }
  writeFileSync(stamp, digest);
}

/** npm ci with install scripts off; its output is shown only when it fails. */
function npmCi(root) {
  return new Promise((resolve, reject) => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const child = spawn(npm, ['ci', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) return resolve();
      rmSync(path.join(root, 'node_modules'), { recursive: true, force: true });
      process.stderr.write(
        `${said}\nInstalling the dependencies failed. Check the network and run the command again.\n`,
      );
      process.exit(1);
    });
  });
}

/** Packages unpacked so far, of those in the lockfile for any platform: an upper bound that ends at 100 %. */
function progress(root, wanted) {
  const started = Date.now();
  const terminal = process.stderr.isTTY;
  const packages = () => {
    try {
      return readdirSync(path.join(root, 'node_modules')).length;
    } catch {
      return 0;
    }
  };
  const draw = () => {
    const share = Math.min(0.99, packages() / wanted);
    const width = 24;
    const filled = Math.round(share * width);
    const seconds = Math.round((Date.now() - started) / 1000);
    process.stderr.write(`\r  dependencies  ${'█'.repeat(filled)}${'░'.repeat(width - filled)}  ${seconds}s `);
  };
  if (!terminal) process.stderr.write('Installing dependencies (install scripts off) ...\n');
  const timer = setInterval(() => terminal && draw(), 200);
  return {
    stop() {
      clearInterval(timer);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stderr.write(`${terminal ? '\r\x1b[2K' : ''}Installed dependencies in ${seconds}s.\n`);
    },
  };
}
