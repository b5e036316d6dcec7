// node router/main.ts: the router's process.
import { systemClock } from '@qwenfleet/core/clock';
import { describeError } from '@qwenfleet/core/errors';
import { readArguments, usageOf } from './arguments.ts';
import type { Discovery } from './discovery/discovery.ts';
import { createDiscovery, discoveryNames } from './discovery/registry.ts';
import { RouterProgram } from './program.ts';

const complain = (line: string): void => void process.stderr.write(`${line}\n`);

let discovery: Discovery;
try {
  const { discovery: name, ...given } = readArguments(process.argv.slice(2));
  discovery = createDiscovery(name, { ...given, process });
} catch (error) {
  complain(`${describeError(error)}\n\n${usageOf(discoveryNames)}`);
  process.exit(2);
}

const program = new RouterProgram(discovery, {
  clock: systemClock,
  rng: Math.random,
  exit: (code) => process.exit(code),
  complain,
});
process.on('SIGTERM', () => void program.stop());
// Ctrl-C reaches the whole group of a terminal: where a parent runs the router, the parent says when to stop.
process.on('SIGINT', () => discovery.foreground && void program.stop());
program.start();
