// npm run simulate:day [-- --seed S] [--share P] [--requests N] [--routers N] [--svg FILE] [--json]: a day under a wanted share.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Terminal } from '@qwenfleet/cli/terminal';
import { runDay } from './day.ts';
import { plot } from './plot.ts';
import { fixedShareOf, offPoints, report } from './report.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    share: { type: 'string', default: '0.2' },
    requests: { type: 'string', default: '1' },
    routers: { type: 'string', default: '1' },
    svg: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const { stdin, stdout, stderr } = process;
const terminal = new Terminal({ stdin, stdout, stderr }, values.json);
const [seed, share, perSecondMax, routers] = [values.seed, values.share, values.requests, values.routers].map(Number);
const problem = problemOf();

if (problem !== undefined) {
  terminal.talk(problem);
  process.exitCode = 2;
} else await run();

function problemOf(): string | undefined {
  if (!Number.isInteger(seed)) return `--seed ${values.seed} is no whole number`;
  if (!(Number(share) > 0 && Number(share) < 1)) return `--share ${values.share} is not between 0 and 1; try 0.2`;
  if (!(Number(perSecondMax) > 0 && Number(perSecondMax) <= 100))
    return `--requests ${values.requests} is not a rate between 0 and 100 a second`;
  if (!Number.isInteger(routers) || Number(routers) < 1 || Number(routers) > 100)
    return `--routers ${values.routers} is no whole number from 1 to 100`;
  return undefined;
}

async function run(): Promise<void> {
  const wanted = Number(share);
  const hours = await runDay({
    seed: Number(seed),
    largeShare: wanted,
    perSecondMax: Number(perSecondMax),
    routers: Number(routers),
  });
  if (values.svg !== undefined) writeFileSync(values.svg, plot(hours, wanted));
  if (values.json) terminal.printJson({ seed, share: wanted, hours });
  else {
    terminal.print(report(hours, wanted, stdout.columns ?? 100));
    const off = offPoints(hours, wanted).toFixed(2);
    const fixed = offPoints(hours, wanted, fixedShareOf).toFixed(1);
    terminal.print(`\nfurthest hour: ${off} points from ${wanted}; under the best fixed cost weight ${fixed}`);
  }
}
