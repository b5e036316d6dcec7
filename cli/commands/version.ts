import packageJson from '../package.json' with { type: 'json' };
import type { Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';

export const version: string = packageJson.version;

/** The version, and what it runs on: the first thing that a report of a bug needs. */
export function printVersion(terminal: Terminal): Exit {
  const platform = `${process.platform}-${process.arch}`;
  if (terminal.json) terminal.printJson({ version, node: process.versions.node, platform });
  else terminal.print(`qwenfleet ${version} (Node ${process.versions.node}, ${platform})`);
  return 'ok';
}
