export type Merged<T, R> = { index: number } & ({ piece: T } | { end: R });

/**
 * Several generators at once, items in the order in which they come. Leaving early, or the failure of one, ends them all.
 * @param abort makes generators that wait for something give up: they cannot be ended while they wait.
 */
export async function* merge<T, R>(
  generators: readonly AsyncGenerator<T, R, void>[],
  abort: () => void,
): AsyncGenerator<Merged<T, R>, void, void> {
  type Next = { index: number; result: IteratorResult<T, R> };
  const pull = async (index: number): Promise<Next> => {
    const generator = generators[index];
    if (!generator) throw new RangeError(`there is no generator ${index}`);
    return { index, result: await generator.next() };
  };
  const begin = (index: number): Promise<Next> => {
    const next = pull(index);
    // It may fail while the reader is slow and nobody waits for it: that must not end the process.
    next.catch(() => undefined);
    return next;
  };
  const pending = new Map(generators.map((_, index) => [index, begin(index)]));
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      if (result.done) {
        pending.delete(index);
        yield { index, end: result.value };
      } else {
        pending.set(index, begin(index));
        yield { index, piece: result.value };
      }
    }
  } finally {
    if (pending.size > 0) abort();
    const left = generators.filter((_, index) => pending.has(index));
    await Promise.allSettled([...pending.values(), ...left.map((generator) => generator.return(undefined as R))]);
  }
}
