/** One container image: which rooms it holds and what it runs. Packages follow from what the rooms declare. */
export type Image = {
  name: string;
  description: string;
  /** Folders of the house that are copied, without their tests. */
  rooms: readonly string[];
  /** From the root of the house. Started with `node`, which strips the types: rooms lie beside node_modules, not in it. */
  entry: string;
  /** Folders with a PLATFORM/ARCHITECTURE folder for each machine, of which one is needed. */
  perPlatform: readonly string[];
};

export const images: readonly Image[] = [
  {
    name: 'runtime',
    description: 'Inference runtime of qwenfleet',
    rooms: ['core', 'runtime'],
    entry: 'runtime/main.ts',
    perPlatform: ['node_modules/onnxruntime-node/bin/napi-v6'],
  },
  {
    name: 'router',
    description: 'Router of qwenfleet',
    rooms: ['core', 'crds', 'kube', 'router'],
    entry: 'router/main.ts',
    perPlatform: [],
  },
  {
    name: 'operator',
    description: 'Operator of qwenfleet',
    rooms: ['core', 'crds', 'kube', 'operator'],
    entry: 'operator/main.ts',
    perPlatform: [],
  },
];

/** The user that distroless images call nonroot. */
export const user = 65_532;
export const workingDirectory = '/app';

/** Files of a room that no image needs. */
export const isLeftOut = (file: string): boolean =>
  /(^|\/)(node_modules|fixtures|harness|train)(\/|$)|\.test\.ts$|\.md$/.test(file);
