import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { only, rendered, valueArgs } from '../harness/charts.ts';
import { command, type Outcome } from '../harness/command.ts';
import { freePort, startFleet, type RunningFleet } from '../harness/fleet.ts';
import { helmMissing } from '../harness/helm.ts';
import { root } from '../house/imports.ts';

const podSchema = z.looseObject({
  spec: z.looseObject({
    containers: z.tuple([
      z.looseObject({
        command: z.array(z.string()),
        args: z.array(z.string()),
        env: z.array(z.object({ name: z.string(), value: z.string() })),
      }),
    ]),
  }),
});

/** Runs what the pod of `helm test` runs, with its environment, against a router of this machine. */
async function helmTest(url: string, ...values: string[]): Promise<Outcome> {
  const set = ['--set', [`test.url=${url}`, ...values].join(',')];
  const pod = podSchema.parse(only(await rendered([...valueArgs('first-fleet.yaml'), ...set]), 'Pod'));
  const [container] = pod.spec.containers;
  const [node, ...args] = [...container.command, ...container.args];
  expect(node).toBe('node');
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  return command(process.execPath, args, { env });
}

describe.skipIf(await helmMissing)('helm test', () => {
  let fleet: RunningFleet;
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.stop());

  it('passes when a model has answered, and says which', async () => {
    const { code, stdout, stderr } = await helmTest(fleet.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^pool (small|medium|large) answered: \S/);
  });

  it('fails at once when there is no such model, with the words of the router', async () => {
    const { code, stderr } = await helmTest(fleet.url, 'test.model=nothing');
    expect(code).toBe(1);
    expect(stderr).toMatch(/gave no answer: 404 .*model_not_found/);
  });

  it('fails when nobody answers in time', async () => {
    const { code, stderr } = await helmTest(`http://127.0.0.1:${await freePort()}`, 'test.timeoutSeconds=1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/gave no answer: .*ECONNREFUSED/);
  });
});

describe.skipIf(await helmMissing)('helm test of a router that asks for keys', () => {
  it('fails at once without one, and does not go on asking', async () => {
    const fleet = await startFleet({ args: ['-f', path.join(root, 'examples/gateway.yaml')], untilListening: true });
    try {
      const { code, stderr } = await helmTest(fleet.url);
      expect(code).toBe(1);
      expect(stderr).toMatch(/gave no answer: 401 .*invalid_api_key/);
    } finally {
      await fleet.stop();
    }
  });
});
