import type { CliConfig } from './config.ts';
import { FleetClient } from './client.ts';
import { Failure } from './failure.ts';
import { runningPorts } from './running-fleets.ts';

export const portDefault = 8080;

/** What a person said about which fleet they mean. */
export type Reach = { url?: string; port?: number };

/** The endpoint that a command talks to: said, then set, then the only fleet that runs here, then port 8080. */
export async function reachEndpoint(reach: Reach, config: CliConfig): Promise<FleetClient> {
  const said = reach.url === undefined ? undefined : parseUrl(reach.url);
  const url = said ?? (reach.port === undefined ? config.url : undefined);
  if (url !== undefined) return new FleetClient({ url, apiKey: config.apiKey });
  const port = reach.port ?? (await onlyPort(config.stateDir)) ?? portDefault;
  return new FleetClient({ url: `http://127.0.0.1:${port}`, apiKey: config.apiKey });
}

async function onlyPort(stateDir: string): Promise<number | undefined> {
  const ports = await runningPorts(stateDir);
  if (ports.length <= 1) return ports[0];
  throw new Failure('usage', `Several fleets run on this machine, on ports ${ports.join(', ')}.`, {
    remedy: `Say which one: --port ${ports[0]}`,
  });
}

function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return text.replace(/\/+$/, '');
  throw new Failure('usage', `--url ${text} is not an http(s) address.`, {
    remedy: 'Write it as qwenfleet up prints it: --url http://127.0.0.1:8080',
  });
}
