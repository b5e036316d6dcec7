import { createHash } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { startRouter, until } from './harness/router.ts';
import { answers, completion, serveUpstream, type Call } from './harness/upstream.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

it('a client that sends much does not make another wait for all of it', async () => {
  const open: Call[] = [];
  const upstream = await serveUpstream((call) => void open.push(call));
  const keys = ['much', 'little'].map((id) => ({ id, sha256: sha256(id) }));
  const router = await startRouter([{ config: { concurrency: 1 }, servers: [upstream.url] }], { keys });
  onTestFinished(async () => {
    await router.close();
    await upstream.close();
  });
  const held = (): number => router.service.fleet.reports()['small']?.held ?? 0;
  const ask = (client: string, words: string) =>
    router.chat({ messages: [{ role: 'user', content: words }] }, { headers: { authorization: `Bearer ${client}` } });
  const asked = [ask('much', 'first')];
  await until(() => open.length === 1);
  for (const words of ['second', 'third', 'fourth']) {
    const before = held();
    asked.push(ask('much', words));
    await until(() => held() === before + 1);
  }
  asked.push(ask('little', 'urgent'));
  await until(() => held() === 4);
  const order: string[] = [];
  while (order.length < 5) {
    await until(() => open.length > 0);
    const call = open.shift()!;
    order.push((JSON.parse(call.text) as { messages: { content: string }[] }).messages[0]!.content);
    await answers(200, completion)(call, order.length);
  }
  expect(order).toEqual(['first', 'second', 'urgent', 'third', 'fourth']);
  for (const response of await Promise.all(asked)) expect(response.status).toBe(200);
});
