// node runtime/pull/main.ts --uri URI --dir DIR --link PATH: brings weights for an engine that cannot pull by itself.
import { parseArgs } from 'node:util';
import { asFleetError, describeError } from '@qwenfleet/core/errors';
import { createLogger } from '@qwenfleet/core/log';
import { readSourceConfig } from '../config.ts';
import { leaveLastWord } from '../last-word.ts';
import { pull } from '../source/pull.ts';
import type { PullProgress } from '../source/source.ts';
import { linkTo } from './link.ts';

const usage =
  'Usage: node runtime/pull/main.ts --uri URI --dir DIR --link PATH [--revision REVISION] [--sha256 DIGEST]\n';
const log = createLogger('pull');
const ending = new AbortController();
process.on('SIGTERM', () => ending.abort());
process.on('SIGINT', () => ending.abort());

const options = { type: 'string' } as const;
const { uri, dir, link, revision, sha256 } = parseArgs({
  options: { uri: options, dir: options, link: options, revision: options, sha256: options },
}).values;
if (uri === undefined || dir === undefined || link === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}

try {
  const location = await pull(uri, {
    ...readSourceConfig(dir),
    revision,
    sha256,
    signal: ending.signal,
    onProgress: tellProgress(),
  });
  linkTo(location, link);
  log.info({ uri, location, link }, 'the weights are here');
} catch (thrown) {
  const { code, message } = asFleetError(thrown);
  log.error({ code }, describeError(thrown));
  leaveLastWord({ code, message }, log);
  process.exit(1);
}

/** A line for each tenth of a file, so that a log of an hour is still one to read. */
function tellProgress(): (progress: PullProgress) => void {
  const told = new Map<string, number>();
  return ({ name, doneBytes, totalBytes }) => {
    const tenth = totalBytes === undefined ? 0 : Math.floor((10 * doneBytes) / totalBytes);
    if (told.get(name) === tenth) return;
    told.set(name, tenth);
    log.info({ name, doneBytes, totalBytes }, 'downloading');
  };
}
