// Entry of every npm script: runs on any Node from 20, sets the house up, then hands over to the pinned Node 24.
//   node scripts/run.mjs cli/main.ts up --profile demo
//   node scripts/run.mjs vitest run
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const [target, ...rest] = process.argv.slice(2);
if (!target) throw new Error('usage: node scripts/run.mjs FILE.ts|BINARY [arguments]');

await install(root);

const node = pinnedNode();
const [command, args] = target.endsWith('.ts')
  ? [node, [path.join(root, target), ...rest]]
  : [path.join(root, 'node_modules/.bin', target), rest];
const environment = {
  ...process.env,
  PATH: [path.dirname(node), path.join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(path.delimiter),
};
const child = spawn(command, args, { stdio: 'inherit', env: environment });

// A terminal sends Ctrl-C to the whole group: the child decides when it is done, this process only waits.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
}
// As a shell has it: 130 for a command that Ctrl-C ended.
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));

/** The Node that the lockfile pins for this platform, or this one when it is new enough. */
function pinnedNode() {
  const binary = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node';
  const file = path.join(root, `node_modules/node-${process.platform.replace('win32', 'win')}-${process.arch}`, binary);
  if (existsSync(file)) return file;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  process.stderr.write(
    `There is no pinned Node 24 for ${process.platform}-${process.arch} and this is Node ${process.versions.node}.\n` +
      'Install Node 24 or later and run the same command again.\n',
  );
  return process.exit(1);
}
