/** Hexadecimal digits of a revision; enough to tell the versions of one pool apart. */
export const revisionDigits = 10;

/** Name of what belongs to one revision of a pool: its Deployment, and its ConfigMap. At most 51 characters. */
export const revisionName = (pool: string, revision: string): string => `${pool}-${revision}`;

const beginning = new RegExp(`^-([0-9a-f]{${revisionDigits}})-`);

/**
 * The revision of a pod of the pool, by its name, which begins with that of its workload: Kubernetes cuts generated
 * names at 58 characters, well behind it. Undefined for a pod that no workload of the pool made.
 *
 * @example revisionOfPod('qwen-7b', 'qwen-7b-0a1b2c3d4e-6f9c8d7b5-x2x4z') // '0a1b2c3d4e'
 */
export const revisionOfPod = (pool: string, pod: string): string | undefined =>
  pod.startsWith(pool) ? beginning.exec(pod.slice(pool.length))?.[1] : undefined;
