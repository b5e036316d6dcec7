import { adapterFolders } from '../../../harness/hostile/adapter-folders.ts';
import { hostileModels, slowHostileModels } from '../../../harness/hostile/hostile-models.ts';
import { Target } from '../../../harness/hostile/refusal.ts';
import type { Measurement } from '../../promise.ts';

/** Each through the real path of a runtime that answers meanwhile; the first that is not refused is named. */
export async function hostileFiles(): Promise<Measurement> {
  const target = await Target.start();
  const { mostBytes } = target;
  try {
    const wrong: string[] = [];
    const models = [...hostileModels, ...slowHostileModels];
    for (const hostile of models) if ((await target.wrongWithModel(hostile)).length > 0) wrong.push(hostile.name);
    for (const hostile of adapterFolders)
      if ((await target.wrongWithAdapter(hostile)).length > 0) wrong.push(hostile.name);
    const grownMiB = Math.round((target.mostBytes - mostBytes) / 2 ** 20);
    const asked = `of ${models.length} models and ${adapterFolders.length} adapters; at most ${grownMiB} MiB more memory meanwhile`;
    return { value: wrong.length, details: wrong.length > 0 ? `${asked}; ${wrong.slice(0, 5).join(', ')}` : asked };
  } finally {
    await target.stop();
  }
}
