import { connectNats } from "@jobs/core/jetstream";

/** Waits until every stream has a leader and all its copies are current: only then may the next node be killed. */
export async function replicated(url: string): Promise<void> {
  const { connection, jsm } = await connectNats({ url, user: "server", password: "server", name: "test" });
  for (;;) {
    const streams = await jsm.streams
      .list()
      .next()
      .catch(() => []);
    const isCurrent = streams.every(
      ({ cluster }) =>
        cluster?.leader !== undefined &&
        cluster.replicas?.length === 2 &&
        cluster.replicas.every(({ current }) => current),
    );
    if (streams.length > 0 && isCurrent) return connection.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
