const IN_FLIGHT = 16;

/** Does each, several at a time. All come to an end, also when one fails: nothing is under way afterwards. */
export async function fewAtOnce<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const some = async (): Promise<void> => {
    for (const item of left) await act(item);
  };
  const results = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, some));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
