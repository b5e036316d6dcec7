import { statSync } from 'node:fs';
import { PrepackedWeights, Session } from './session.ts';

/** Optimising copies weights into the layout that the processor wants; what is not copied stays mapped from the file. */
const bytesPerWeightByte = 1.3;

/** What a graph's weights take in memory, about. */
export const weightsBytes = (graphFile: string): number =>
  Math.ceil(statSync(`${graphFile}.data`).size * bytesPerWeightByte);

/** Opens a graph and makes something of it; when that fails, nothing stays in memory. */
export async function openedSession<T>(
  graphFile: string,
  threads: number,
  make: (session: Session, weights: PrepackedWeights) => T,
): Promise<T> {
  const weights = new PrepackedWeights();
  let session: Session | undefined;
  try {
    session = await Session.open(graphFile, threads, weights);
    return make(session, weights);
  } catch (error) {
    await session?.release();
    weights.release();
    throw error;
  }
}
