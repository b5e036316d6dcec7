import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { newRecord } from './record.ts';
import { poolFor } from '../harness/pool.ts';
import { madeOf, readRecorded, recordsIn } from '../harness/recorded.ts';
import type { KubeObject } from '../object.ts';

/**
 * Pools as they were written by builds of the past, in fixtures/recorded: the custom resources that somebody applied,
 * and the record and the workload that the operator of then made of them. Nobody may ever write one of these files
 * again: a cluster holds the same bytes, and what this build makes of them decides whether its pods restart.
 *
 * A new example: write its custom resources, then `node scripts/record-revision.ts FILE`.
 */
const folder = new URL('../fixtures/recorded/', import.meta.url);
const names = readdirSync(folder);
const read = (name: string) => readRecorded(new URL(name, folder));
const otherImages = { qwen: 'of another build', vllm: 'of another build', triton: 'of another build' };

/** What a Deployment or a LeaderWorkerSet restarts its pods for, or refuses: its selector, and its templates. */
function podsOf(objects: readonly KubeObject[]): unknown {
  const workload = objects.find(({ kind }) => kind !== 'ConfigMap');
  // Both kinds have one, and these are all the parts of it that pods are made from.
  const { spec } = workload as KubeObject<{ spec: Record<string, unknown> }>;
  const { selector, template, leaderWorkerTemplate } = spec;
  return { name: workload?.metadata.name, selector, template, leaderWorkerTemplate };
}
const configMapOf = (objects: readonly KubeObject[]) => objects.find(({ kind }) => kind === 'ConfigMap');

describe('an upgrade of the operator, over pools that an older build made', () => {
  it('has pools of every engine and every source of weights that pods have', () => {
    const texts = names.map((name) => JSON.stringify(read(name).deployment.spec)).join();
    for (const scheme of ['hf', 's3', 'pvc', 'oci', 'https', 'wheel']) expect(texts).toContain(`"${scheme}://`);
    const made = names.map((name) => JSON.stringify(read(name).written)).join();
    for (const engine of ['"vllm"', 'tritonserver', 'runtime/main.ts', 'LeaderWorkerSet'])
      expect(made).toContain(engine);
  });

  it.each(names)('restarts no pod of %s', (name) => {
    const recorded = read(name);
    const now = madeOf(recorded, recordsIn(recorded), otherImages);
    expect(podsOf(now)).toEqual(podsOf(recorded.written));
    expect(configMapOf(now)).toMatchObject({ metadata: { name: configMapOf(recorded.written)?.metadata.name } });
  });

  it.each(names)('would notice %s restart, if what is recorded did not count', (name) => {
    const recorded = read(name);
    expect(podsOf(madeOf(recorded, [], otherImages))).not.toEqual(podsOf(recorded.written));
  });

  it.each(names)('leaves the record of %s as it was written, which the API server would refuse to change', (name) => {
    const recorded = read(name);
    const now = configMapOf(madeOf(recorded, recordsIn(recorded), otherImages));
    expect(now).toMatchObject({ immutable: true, data: (configMapOf(recorded.written) as { data?: object }).data });
  });

  it.each(names)('names the revision of %s as ever', (name) => {
    const { deployment, setting, written } = read(name);
    const { revision } = newRecord(poolFor(deployment, setting));
    expect(configMapOf(written)?.metadata.labels['qwenfleet.io/revision']).toBe(revision);
  });
});
