// npm run bench:swap [-- --model smollm2-135m | tiny] [--tokens N] [--json] [--record]: new weights under eight streams,
// and what the streams notice.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { cacheDir } from '../../harness/fleet.ts';
import { isCount, machine, refuse } from '../command.ts';
import { measureSwap } from './measure.ts';
import { record } from '../../promises/record.ts';
import { pauseMs, renderSwap } from './table.ts';
import { swapModels, type SwapModel } from './weights.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'smollm2-135m' },
    tokens: { type: 'string', default: '64' },
    json: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});
const tokensMax = Number(values.tokens);
const model = swapModels.find((name) => name === values.model);

if (model === undefined) refuse(`--model ${values.model} is unknown; one of: ${swapModels.join(', ')}`);
else if (!isCount(tokensMax, 200)) refuse(`--tokens ${values.tokens} is no number from 1 to 200`);
else await bench(model);

async function bench(of: SwapModel): Promise<void> {
  const report = await measureSwap({ model: of, tokensMax, cacheDir });
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, ...report }, null, 2)}\n`);
  else process.stdout.write(`${machine}\n${renderSwap(report)}\n`);
  if (values.record) {
    const details = `${report.longestGapMs.during.toFixed(0)} ms, and ${report.longestGapMs.before.toFixed(0)} ms before; load average ${loadavg()[1]?.toFixed(1)}; ${machine}`;
    record('runtime.swap-pause-ms', { value: Math.round(pauseMs(report)), details });
  }
  // Times are of the machine and of what else runs on it: what is lost is not.
  if (report.failed.length > 0 || report.wrong > 0) process.exitCode = 1;
}
