import type { Cluster } from './cluster.ts';

/** What kubectl prints. Throws with what it complains of when it fails. */
export async function kubectl(cluster: Cluster, args: readonly string[], input?: unknown): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args, textOf(input));
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** What kubectl complains of. Throws when it does not fail. */
export async function refusal(cluster: Cluster, args: readonly string[], input?: unknown): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args, textOf(input));
  if (code === 0) throw new Error(`kubectl ${args.join(' ')} should have failed: ${stdout}`);
  return stderr;
}

/** Objects as the JSON that `kubectl -f -` reads; text as it is. */
const textOf = (input: unknown): string | undefined =>
  input === undefined || typeof input === 'string' ? input : JSON.stringify(input);
