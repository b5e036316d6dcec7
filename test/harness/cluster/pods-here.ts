import { networkInterfaces } from 'node:os';
import { command } from '../command.ts';

/** Where kwok puts the pods that it plays; its own default. */
const podAddresses = '10.0.0.0/24';
const route = ['local', podAddresses, 'dev', 'lo'];

const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);

/** Why this machine cannot answer for pods, with the remedy; undefined where it can. */
export const podsHereMissing: string | undefined =
  process.getuid?.() !== 0
    ? 'only root may route the addresses of pods to this machine; run the tests as root'
    : addresses.some(({ address }) => address.startsWith('10.0.0.'))
      ? `this machine is in ${podAddresses}, where kwok puts its pods; use another`
      : undefined;

/**
 * Servers of this machine answer for pods that kwok plays, from the first moment: their addresses are this machine's
 * until `stop`.
 */
export async function podsHere(): Promise<{ stop: () => Promise<void> }> {
  const { code, stderr } = await command('ip', ['route', 'replace', ...route]);
  if (code !== 0) throw new Error(`ip route replace ended with ${code}: ${stderr}`);
  return { stop: async () => void (await command('ip', ['route', 'del', ...route])) };
}
