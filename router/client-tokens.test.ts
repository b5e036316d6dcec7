import { Telemetry } from '@qwenfleet/core/telemetry/registry';
import { describe, expect, it } from 'vitest';
import { ClientTokens, clientSeriesMax } from './client-tokens.ts';

describe('tokens by client', () => {
  it('have a bounded number of series, and none of them is lost', async () => {
    const telemetry = new Telemetry('router');
    const tokens = new ClientTokens(telemetry);
    for (let turn = 0; turn < 2; turn += 1)
      for (let client = 0; client < clientSeriesMax + 3; client += 1) tokens.add(`client-${client}`, 'small', 1);
    const { body } = await telemetry.expose();
    const lines = body.split('\n').filter((line) => line.startsWith('qwenfleet_router_client_tokens_total{'));
    expect(lines).toHaveLength(clientSeriesMax + 1);
    expect(lines).toContain('qwenfleet_router_client_tokens_total{client="client-0",pool="small"} 2');
    expect(lines).toContain('qwenfleet_router_client_tokens_total{client="others",pool="small"} 6');
  });
});
