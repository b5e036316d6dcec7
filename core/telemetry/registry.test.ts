import { describe, expect, it } from 'vitest';
import { metrics, type MetricSpec } from './names.ts';
import { Telemetry } from './registry.ts';

describe('metrics', () => {
  it('are exposed under the names of the table, with their labels', async () => {
    const telemetry = new Telemetry('router');
    telemetry.count('routerRequests', { pool: 'small', route: 'chat', status: '200' }, 2);
    telemetry.gauge('routerHeld', { pool: 'small' }, 3);
    telemetry.observe('routerOverheadSeconds', { route: 'chat' }, 0.002);
    const { body, contentType } = await telemetry.expose();
    expect(contentType).toContain('text/plain');
    expect(body).toContain('qwenfleet_router_requests_total{pool="small",route="chat",status="200"} 2');
    expect(body).toContain('qwenfleet_router_held{pool="small"} 3');
    expect(body).toContain('qwenfleet_router_overhead_seconds_count{route="chat"} 1');
  });

  it('belong to one room: a router exposes none of the runtime', async () => {
    const { body } = await new Telemetry('router').expose();
    expect(body).toContain('qwenfleet_router_');
    expect(body).not.toMatch(/qwenfleet_(runtime|operator)_/);
  });

  it('of a process with a controller come from two owners', async () => {
    const telemetry = new Telemetry(['operator', 'kube']);
    telemetry.count('kubeRequests', { verb: 'apply', code: '409' });
    const { body } = await telemetry.expose();
    expect(body).toContain('rest_client_requests_total{verb="apply",code="409"} 1');
    expect(body).toContain('qwenfleet_operator_');
    expect(body).not.toMatch(/qwenfleet_(runtime|router)_/);
  });

  it('follow the conventions: prefix, unit last, _total on counters only', () => {
    for (const [key, spec] of Object.entries<MetricSpec>(metrics)) {
      const prefix = key.startsWith('kube')
        ? /^(rest_client|workqueue|controller_runtime|leader_election|reflector|event_recorder)_[a-z_]+$/
        : /^qwenfleet_(router|runtime|operator)_[a-z_]+$/;
      expect(spec.name, key).toMatch(prefix);
      expect(spec.name.endsWith('_total'), key).toBe(spec.kind === 'counter');
      expect(spec.help, key).toMatch(/^[A-Z].*\.$/);
    }
    const names = Object.values(metrics).map((spec) => spec.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
