import type { Platform } from './packages.ts';

/** One container image. The rooms and packages that it holds follow from what its room declares. */
export type Image = {
  name: string;
  description: string;
  room: string;
  /** From the root of the house. */
  entry: string;
  /** Of Node, before the entry. */
  options?: readonly string[];
  /** Folders with a PLATFORM/ARCHITECTURE folder for each machine, of which one is needed. */
  perPlatform: readonly string[];
};

/**
 * What V8 may waste. It lets what is new grow to three times the first, in MB, before it looks at it, and gives none of
 * it back: by itself 200 MB. What is old may grow by the second, in percent, before it is looked at again: by itself to
 * twice what is in use. `--optimize-for-size` saves more, and stops the event loop for longer.
 */
export const operatorOptions = ['--max-semi-space-size=4', '--heap-growing-percent=10'];

/** The command of an image. */
export const commandOf = ({ entry, options = [] }: Image): string[] => ['node', ...options, entry];

export const images: readonly Image[] = [
  {
    name: 'runtime',
    description: 'Inference runtime of qwenfleet',
    room: 'runtime',
    entry: 'runtime/main.ts',
    perPlatform: ['node_modules/onnxruntime-node/bin/napi-v6'],
  },
  {
    name: 'router',
    description: 'Router of qwenfleet',
    room: 'router',
    entry: 'router/main.ts',
    perPlatform: [],
  },
  {
    name: 'operator',
    description: 'Operator of qwenfleet',
    room: 'operator',
    entry: 'operator/main.ts',
    options: operatorOptions,
    perPlatform: [],
  },
];

/** What images are put together for; which rooms one holds is the same everywhere. */
export const platform: Platform = { os: 'linux', cpu: 'x64', libc: 'glibc' };

/** The user that distroless images call nonroot. */
export const user = 65_532;
export const workingDirectory = '/app';

/** What builds an image, from the root of the house; and what it holds, which has Node load files without types. */
export const stripTypes = 'scripts/images/strip-types.ts';
export const stripped = 'scripts/images/stripped.mjs';

/** In every image, also for a command that a pod names itself, for workers and for children. */
export const environment = {
  NODE_ENV: 'production',
  NODE_OPTIONS: `--import=${workingDirectory}/${stripped.slice(stripped.lastIndexOf('/') + 1)}`,
};

/** Files of a room that no image needs. */
export const isLeftOut = (file: string): boolean =>
  /(^|\/)(node_modules|fixtures|harness|train)(\/|$)|\.test\.ts$|\.md$/.test(file);
