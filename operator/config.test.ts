import { describe, expect, it } from 'vitest';
import { readOperatorConfig } from './config.ts';

const integrations = (text: string) => readOperatorConfig({ QWENFLEET_INTEGRATIONS: text }).integrations;

describe('what the operator is told of its neighbours', () => {
  it('is nothing where nobody says anything', () => {
    expect(readOperatorConfig({}).integrations).toEqual({});
  });

  it('is how monitors are found, the gateway, and the endpoint picker', () => {
    const given = {
      monitorLabels: { release: 'prometheus' },
      gateway: { name: 'public', namespace: 'gateways' },
      endpointPicker: { name: 'picker', port: 9002 },
    };
    expect(integrations(JSON.stringify(given))).toEqual(given);
  });

  it.each([
    ['what is no JSON', 'gateway', 'QWENFLEET_INTEGRATIONS: is not JSON; write an object such as'],
    ['a field that there is not', '{"gatway": {}}', 'gatway'],
    ['a gateway without a name', '{"gateway": {}}', 'gateway.name'],
  ])('is refused with its field where it is %s', (_what, text, words) => {
    expect(() => integrations(text)).toThrow(words);
  });
});

describe('who the operator is to the API server', () => {
  it('is what kubectl would be, unless a service account is mounted elsewhere', () => {
    expect(readOperatorConfig({}).credentials).toEqual({ from: 'default' });
    const elsewhere = readOperatorConfig({ QWENFLEET_SERVICE_ACCOUNT: '/var/run/account' });
    expect(elsewhere.credentials).toEqual({ from: 'pod', folder: '/var/run/account' });
  });
});
