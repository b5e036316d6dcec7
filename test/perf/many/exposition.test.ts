import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { describe, expect, it } from 'vitest';
import { quantileBetween, readSamples, valueOf } from './exposition.ts';

describe('a scrape', () => {
  it('is read as it was recorded, labels with quotes included', async () => {
    const telemetry = new Telemetry('kube');
    telemetry.gauge('kubeQueueDepth', { name: 'a "b", c' }, 3);
    telemetry.gauge('kubeQueueDepth', { name: 'd' }, 4);
    const samples = readSamples((await telemetry.expose()).body);
    expect(valueOf(samples, 'workqueue_depth')).toBe(7);
    expect(samples.find(({ value }) => value === 3)?.labels).toEqual({ name: 'a \\"b\\", c' });
    expect(valueOf(samples, 'nothing')).toBeNaN();
  });

  it('says below what a share of the values since another one were', async () => {
    const telemetry = new Telemetry('kube');
    const scrape = async () => readSamples((await telemetry.expose()).body);
    const wait = (seconds: number): void => telemetry.observe('kubeQueueWaitSeconds', { name: 'a' }, seconds);
    for (let times = 0; times < 100; times += 1) wait(60);
    const before = await scrape();
    for (let times = 0; times < 95; times += 1) wait(0.003);
    for (let times = 0; times < 5; times += 1) wait(9);
    const after = await scrape();
    const quantile = (share: number): number =>
      quantileBetween(before, after, 'workqueue_queue_duration_seconds', share);
    expect([quantile(0.5), quantile(0.95), quantile(0.96)]).toEqual([0.005, 0.005, 10]);
    expect(quantileBetween(after, after, 'workqueue_queue_duration_seconds', 0.95)).toBeNaN();
  });
});
