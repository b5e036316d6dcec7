import { systemClock, type Clock } from '@qwenfleet/core/clock';
import type { FleetClient } from '../client.ts';
import type { Exit } from '../failure.ts';
import type { Terminal } from '../terminal.ts';
import { renderTop, topView, type TopView } from '../top.ts';
import { watchInterrupts } from '../up/interrupts.ts';
import { poolsSchema, replicasSchema } from '../wire.ts';

export type TopOptions = {
  client: FleetClient;
  terminal: Terminal;
  once: boolean;
  everyMs: number;
  clock?: Clock;
};

/** To the upper left corner, and everything below is gone: what was there before flickers less than a cleared screen. */
const home = '\u001B[H';
const clearLineEnd = '\u001B[K';
const clearBelow = '\u001B[J';
const clearScreen = '\u001B[2J';

/** Pools and replicas as one router sees them, again and again until Ctrl-C. */
export async function top({ client, terminal, once, everyMs, clock = systemClock }: TopOptions): Promise<Exit> {
  const interrupts = watchInterrupts();
  try {
    for (let turn = 0; !interrupts.asked.aborted; turn += 1) {
      const view = await look(client, interrupts.asked);
      show(view, terminal, turn);
      if (once) return 'ok';
      await clock.sleep(everyMs, interrupts.asked);
    }
  } catch (error) {
    // Ctrl-C is how one leaves.
    if (!interrupts.asked.aborted) throw error;
  } finally {
    interrupts.dispose();
  }
  return 'ok';
}

async function look(client: FleetClient, signal: AbortSignal): Promise<TopView> {
  const [{ pools }, { replicas }] = await Promise.all([
    client.get('/v1/pools', poolsSchema, signal),
    client.get('/v1/replicas', replicasSchema, signal),
  ]);
  return topView(client.url, pools, replicas);
}

function show(view: TopView, terminal: Terminal, turn: number): void {
  if (terminal.json) return terminal.printJson(view);
  const text = renderTop(view, terminal.width);
  if (terminal.stdout.isTTY !== true) return terminal.print(turn === 0 ? text : `\n${text}`);
  const lines = text.split('\n').map((line) => `${line}${clearLineEnd}\n`);
  terminal.stdout.write(`${turn === 0 ? clearScreen : ''}${home}${lines.join('')}${clearBelow}`);
}
