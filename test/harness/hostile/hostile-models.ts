import { configFiles } from './config-files.ts';
import { ggufFiles } from './gguf-files.ts';
import type { Hostile } from './model-folder.ts';
import { safetensorsFiles } from './safetensors-files.ts';
import { slowTextFiles, textFiles } from './text-files.ts';

const of = (what: string, files: readonly Hostile[]): Hostile[] =>
  files.map((each) => ({ ...each, name: `${what}: ${each.name}` }));

/** Models that nobody should load, each for a reason of its own. */
export const hostileModels: readonly Hostile[] = [
  ...of('GGUF', ggufFiles),
  ...of('safetensors', safetensorsFiles),
  ...of('configuration', configFiles),
  ...of('text', textFiles),
];

/** The same, each of which takes seconds to be found out. */
export const slowHostileModels: readonly Hostile[] = of('text', slowTextFiles);
