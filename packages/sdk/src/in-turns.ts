/** So many requests are under way at once. */
const AT_ONCE = 8;

/** Acts on each, a few at a time; the results are in the order given. */
export async function inTurns<T, R>(all: readonly T[], act: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < all.length; from += AT_ONCE)
    results.push(...(await Promise.all(all.slice(from, from + AT_ONCE).map(act))));
  return results;
}
