// npm run bench:adapters [-- --shape qwen3-0.6b --rank 16 --of q,v --quantization int8 --rounds 9 --json]:
// what adapters cost while decoding, against a graph that knows none.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { renderTable } from '@qwenfleet/cli/table';
import type { Quantization } from '@qwenfleet/core/fleet/runtime-config';
import type { Generator } from '@qwenfleet/runtime/backend/backend';
import { adapterFolder } from '@qwenfleet/runtime/fixtures/adapter';
import { projections, type Projection } from '@qwenfleet/runtime/model/adapter/projection';
import { readAdapter } from '@qwenfleet/runtime/model/adapter/read-adapter';
import { loadModel } from '@qwenfleet/runtime/model/load';
import { readModel } from '@qwenfleet/runtime/model/read';
import { shapes, writeRandomCheckpoint, type ShapeName } from '../harness/random-checkpoint.ts';
import { showSpread, spreadOf, type Spread } from '../harness/statistics.ts';
import { machine, refuse } from './command.ts';

const places = 8;
const pastTokens = 256;
const stepsPerRound = 10;
const batches = [1, 8];

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    shape: { ...text, default: 'qwen3-0.6b' },
    rank: { ...text, default: '16' },
    'rank-max': { ...text, default: '64' },
    of: { ...text, default: projections.join() },
    quantization: { ...text, default: 'int8' },
    rounds: { ...text, default: '9' },
    json: { type: 'boolean', default: false },
  },
});
const shape = values.shape as ShapeName;
const of = values.of.split(',') as Projection[];
const rank = Number(values.rank);
const rankMax = Number(values['rank-max']);
const rounds = Number(values.rounds);
if (
  !(shape in shapes) ||
  !of.every((each) => projections.includes(each)) ||
  !(rank >= 1 && rank <= rankMax) ||
  !(rounds >= 1)
) {
  refuse(`--shape is one of ${Object.keys(shapes).join(', ')}, --of some of ${projections.join()}`);
} else await bench();

type Row = { adapters: string; batch: number; stepMs: Spread; ratio: Spread };

async function bench(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-bench-'));
  try {
    const checkpoint = path.join(folder, 'model');
    writeRandomCheckpoint(checkpoint, shape);
    const plain = await opened(checkpoint, folder, false);
    const stacked = await opened(checkpoint, folder, true);
    const { description } = readModel(checkpoint);
    if (description.kind !== 'decoder') throw new Error('no decoder');
    const placedMs: number[] = [];
    let longestTurnMs = 0;
    for (let place = 1; place <= places; place += 1) {
      const adapter = adapterFolder(checkpoint, { seed: place, rank, of, magnitude: 0.01, dtype: 'BF16' });
      const { ms, longestMs } = await turning(async () => {
        await stacked.adapters?.write(place, readAdapter(adapter, description).matrices());
      });
      placedMs.push(ms);
      longestTurnMs = Math.max(longestTurnMs, longestMs);
      rmSync(path.dirname(adapter), { recursive: true });
    }
    const placed = { ms: spreadOf(placedMs), longestTurnMs };
    const rows: Row[] = [];
    for (const batch of batches) rows.push(...(await measured(plain, stacked, batch)));
    await Promise.all([plain.release(), stacked.release()]);
    print(rows, placed);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How long something takes, and the longest turn of the event loop meanwhile: what streams would wait for. */
async function turning(work: () => Promise<void>): Promise<{ ms: number; longestMs: number }> {
  const startedMs = performance.now();
  let isOver = false;
  const over = work().finally(() => (isOver = true));
  let longestMs = 0;
  while (!isOver) {
    const turnedMs = performance.now();
    await setImmediate();
    longestMs = Math.max(longestMs, performance.now() - turnedMs);
  }
  await over;
  return { ms: performance.now() - startedMs, longestMs };
}

async function opened(checkpoint: string, cacheDir: string, adapters: boolean): Promise<Generator> {
  const loaded = await loadModel(readModel(checkpoint), {
    slots: 8,
    slotTokens: 512,
    threads: availableParallelism(),
    quantization: values.quantization as Quantization,
    cacheDir,
    ...(adapters ? { adapters: { places, rankMax } } : {}),
  });
  if (loaded.kind !== 'generator') throw new Error('no generator');
  return loaded;
}

/** Every way once a round, so that what slows the machine for a while slows all of them. */
async function measured(plain: Generator, stacked: Generator, batch: number): Promise<Row[]> {
  const ways: { name: string; model: Generator; adapterOf: (row: number) => number }[] = [
    { name: 'a graph without', model: plain, adapterOf: () => 0 },
    { name: 'none in use', model: stacked, adapterOf: () => 0 },
    { name: 'one', model: stacked, adapterOf: () => 1 },
    ...(batch > 1 ? [{ name: `${batch} different`, model: stacked, adapterOf: (row: number) => row + 1 }] : []),
  ];
  const times = ways.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [at, way] of ways.entries()) {
      const ms = await stepMs(way.model, batch, way.adapterOf);
      // The first round warms up.
      if (round >= 0) times[at]?.push(ms);
    }
  }
  const [base = []] = times;
  return ways.map(({ name }, at) => {
    const own = times[at] ?? [];
    return {
      adapters: name,
      batch,
      stepMs: spreadOf(own),
      ratio: spreadOf(own.map((ms, round) => ms / (base[round] ?? NaN))),
    };
  });
}

/** The least of a round's steps: what else runs on a machine only adds to it. */
async function stepMs(model: Generator, batch: number, adapterOf: (row: number) => number): Promise<number> {
  const times: number[] = [];
  for (let step = 0; step < stepsPerRound; step += 1) {
    const rows = Array.from({ length: batch }, (_, row) => ({
      tokens: [5],
      past: pastTokens + step,
      adapter: adapterOf(row),
    }));
    const startedMs = performance.now();
    await model.step({ firstSlot: 0, rows, wantLogits: true });
    times.push(performance.now() - startedMs);
  }
  return Math.min(...times);
}

function print(rows: readonly Row[], placed: { ms: Spread; longestTurnMs: number }): void {
  const setting = { shape, quantization: values.quantization, rank, rankMax, of, rounds };
  if (values.json)
    return void process.stdout.write(`${JSON.stringify({ machine, ...setting, placed, rows }, null, 2)}\n`);
  const columns = [
    { title: 'ADAPTERS' },
    { title: 'BATCH', align: 'right' },
    { title: 'STEP, MS', align: 'right' },
    { title: 'AGAINST A GRAPH WITHOUT', align: 'right' },
  ] as const;
  const cells = rows.map((row) => [row.adapters, String(row.batch), showSpread(row.stepMs, 1), showSpread(row.ratio)]);
  process.stdout.write(
    `${machine}\n${shape} in ${setting.quantization}, rank ${rank} of ${rankMax} in ${of.join(', ')}; ${rounds} rounds\n\n`,
  );
  process.stdout.write(`${renderTable([...columns], cells, 100)}\n`);
  const turn = `no turn of the event loop took more than ${placed.longestTurnMs.toFixed(0)} ms`;
  process.stdout.write(`\nAn adapter is brought in within ${showSpread(placed.ms, 0)} ms; ${turn}.\n`);
}
