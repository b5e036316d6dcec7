// npm run images [-- --out DIR] [NAME ...]: OCI archives of the images, without Docker.
//   ctr -n k8s.io images import --base-name registry.example.com/qwenfleet/runtime .cache/images/runtime.tar
//   skopeo copy oci-archive:.cache/images/runtime.tar docker://registry.example.com/qwenfleet/runtime:0.1.0
// npm run images -- --folder DIR NAME: what the image NAME holds beside Node, as DIR/app.
// npm run images -- --dockerfiles: writes images/*/Dockerfile, which describe the same.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildImage, isThere, layFolder, whyNot } from './build.ts';
import { dockerFiles, type House } from './dockerfile.ts';
import { images, platform } from './images.ts';
import { contentsOf, type Lockfile } from './packages.ts';

const root = path.join(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: '.cache/images' },
    folder: { type: 'string' },
    dockerfiles: { type: 'boolean', default: false },
  },
});
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
// Ours and npm's, and checked by the tests of the Dockerfiles.
const house = read('package.json') as House & { version: string };
const lockfile = read('package-lock.json') as Lockfile;

if (values.dockerfiles) {
  for (const [file, text] of dockerFiles(images, house, lockfile)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
    process.stdout.write(`wrote ${file}\n`);
  }
} else await build();

function whyNone(): string | undefined {
  const known = images.map(({ name }) => name);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) return `there is no image ${unknown.join(', ')}; there are ${known.join(', ')}`;
  if (values.folder !== undefined && positionals.length !== 1)
    return `--folder takes one image: ${known.join(', or ')}`;
  return whyNot(root);
}

async function build(): Promise<void> {
  const why = whyNone();
  if (why !== undefined) {
    process.stderr.write(`${why}\n`);
    process.exit(1);
  }
  for (const image of images.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    if (!isThere(root, image)) {
      process.stdout.write(`${image.name.padEnd(9)} left out: there is no ${image.entry}\n`);
      continue;
    }
    const startedMs = performance.now();
    const contents = contentsOf(lockfile, image.room, platform);
    if (values.folder !== undefined) {
      layFolder(root, { image, contents }, path.resolve(values.folder));
      continue;
    }
    const file = await buildImage(root, { image, contents, version: house.version }, path.resolve(values.out));
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    const megabytes = Math.round(statSync(file).size / 1e6);
    process.stdout.write(`${image.name.padEnd(9)} ${megabytes} MB  ${seconds}s  ${file}\n`);
  }
}
