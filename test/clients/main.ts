// npm run conformance [-- --client WORD] [--only WORDS] [--beside litellm] [--json]: what users of OpenAI's clients, of the
// AI SDK and of LangChain notice of our router. With --against URL [--key KEY --model NAME --vectors NAME --script NAME
// --script-port PORT] the same of any other endpoint, beside it: names are those of the models there, and `script` is the
// one whose server is http://127.0.0.1:PORT/v1, which this command plays.
import { parseArgs } from 'node:util';
import { Progress } from '@qwenfleet/cli/progress';
import { Terminal } from '@qwenfleet/cli/terminal';
import type { Client, Stand } from './behaviour.ts';
import { startLiteLlm } from './peers/litellm.ts';
import { outcomeOf, standOf } from './run.ts';
import { startBacking, startOurs } from './stand.ts';
import { openClients } from './suite.ts';
import { renderRows, type Row } from './table.ts';

const { values } = parseArgs({
  options: {
    client: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    beside: { type: 'string' },
    against: { type: 'string' },
    key: { type: 'string', default: 'none' },
    model: { type: 'string' },
    vectors: { type: 'string' },
    script: { type: 'string' },
    'script-port': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const scriptPort = values['script-port'] === undefined ? undefined : Number(values['script-port']);

const problem = problemOf();
if (problem === undefined) await compare();
else {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 2;
}

function problemOf(): string | undefined {
  if (values.beside !== undefined && values.beside !== 'litellm') return `--beside ${values.beside} is not litellm`;
  if (values.against !== undefined && !URL.canParse(values.against)) return `--against ${values.against} is no URL`;
  if (scriptPort !== undefined && !(Number.isInteger(scriptPort) && scriptPort > 0 && scriptPort < 65_536))
    return `--script-port ${values['script-port']} is no port`;
  return undefined;
}

type Endpoint = { name: string; stand: Stand & { scripts?: readonly string[] }; stop?: () => Promise<void> };

async function compare(): Promise<void> {
  const backing = await startBacking(scriptPort);
  const endpoints: Endpoint[] = [];
  const clients = await openClients(values.client);
  try {
    const ours = await startOurs(backing);
    endpoints.push({ name: 'qwenfleet', stand: ours, stop: ours.stop });
    if (values.beside === 'litellm') {
      const { version, ...peer } = await startLiteLlm(backing);
      endpoints.push({ name: `litellm ${version}`, stand: peer, stop: peer.stop });
    }
    if (values.against !== undefined)
      endpoints.push({ name: new URL(values.against).host, stand: named(values.against) });
    print(endpoints, await rowsOf(clients, endpoints));
  } finally {
    await Promise.all([...clients.map((client) => client.close?.()), ...endpoints.map(({ stop }) => stop?.())]);
    await backing.close();
  }
}

function named(against: string): Stand {
  const { key, model, vectors, script } = values;
  const url = `${against.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`;
  return { url, key, ...(model ? { model } : {}), ...(vectors ? { vectors } : {}), ...(script ? { script } : {}) };
}

async function rowsOf(clients: readonly Client[], endpoints: readonly Endpoint[]): Promise<Row[]> {
  const progress = new Progress(new Terminal(process));
  const asked = clients.flatMap((client, at) =>
    client.behaviours.filter(({ name }) => name.includes(values.only)).map((behaviour) => ({ client, at, behaviour })),
  );
  const rows: Row[] = [];
  for (const { client, at, behaviour } of asked) {
    const outcomes = [];
    for (const { stand } of endpoints) outcomes.push(await outcomeOf(behaviour, standOf(stand, at), client));
    rows.push({ client: `${client.name} ${client.version}`, name: behaviour.name, outcomes });
    progress.count('behaviours', rows.length, asked.length);
  }
  progress.stop();
  return rows;
}

function print(endpoints: readonly Endpoint[], rows: readonly Row[]): void {
  const names = endpoints.map(({ name }) => name);
  if (values.json) process.stdout.write(`${JSON.stringify({ endpoints: names, rows }, null, 2)}\n`);
  else process.stdout.write(`${renderRows(names, rows)}\n`);
  if (rows.some(({ outcomes }) => outcomes[0]?.kind === 'is not so')) process.exitCode = 1;
}
