/**
 * Calls that come while one is under way share the next one, which begins once that is over: so each sees all that was
 * there when it came, and of very many at once two are made. When the one under way fails, the next one is not tried.
 */
export function shared(call: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => (underWay = call().finally(() => (underWay = undefined)));
  return () => {
    if (underWay === undefined) return begin();
    return (next ??= underWay.finally(() => (next = undefined)).then(begin));
  };
}
