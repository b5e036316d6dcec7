/** One container image. The rooms and packages that it holds follow from what its room declares. */
export type Image = {
  name: string;
  description: string;
  room: string;
  /** From the root of the house. Started with `node`, which strips the types: rooms lie beside node_modules, not in it. */
  entry: string;
  /** Folders with a PLATFORM/ARCHITECTURE folder for each machine, of which one is needed. */
  perPlatform: readonly string[];
};

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
    perPlatform: [],
  },
];

/** The user that distroless images call nonroot. */
export const user = 65_532;
export const workingDirectory = '/app';

/** Files of a room that no image needs. */
export const isLeftOut = (file: string): boolean =>
  /(^|\/)(node_modules|fixtures|harness|train)(\/|$)|\.test\.ts$|\.md$/.test(file);
