import { describe, expect, test, vi } from "vitest";
import { startNats, startNatsCluster, type NatsFixture } from "../testing/index.ts";
import { openStores } from "../testing/nats-link.ts";
import { sampleRun } from "../testing/sample-runs.ts";
import { JobStore } from "./job-store.ts";
import type { WriteOutcome } from "./publish.ts";

describe.each([
  ["one node", startNats],
  ["three nodes", startNatsCluster],
])("on %s", (_, start: () => Promise<NatsFixture>) => {
  test(
    "of two decisions made from one view at one instant exactly one is accepted, 200 times of 200",
    { timeout: 60_000 },
    async () => {
      await using nats = await start();
      await using one = await openStores({ url: nats.urls[0] ?? "" });
      await using two = await openStores({ url: nats.urls.at(-1) ?? "" });
      const stores = [new JobStore(one), new JobStore(two)];
      let rounds = 0;
      const race = async (job: string): Promise<void> => {
        for (let round = 0, guard = 0; round < 25; round++) {
          // A new run each round: another key than the record that the guard is the sequence of.
          // Now the one writes first, now the other.
          const writers = round % 2 === 0 ? [0, 1] : [1, 0];
          const outcomes = await Promise.all(
            writers.map((writer) =>
              stores[writer]!.write(sampleRun({ job, run: `run${writer}00${1000 + round}` }), guard),
            ),
          );
          const stored = outcomes.filter((outcome) => outcome.kind === "stored");
          expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(["conflict", "stored"]);
          rounds++;
          guard = stored[0]?.sequence ?? 0;
        }
      };
      await Promise.all(["a", "b", "c", "d", "e", "f", "g", "h"].map(race));
      expect(rounds).toBe(200);

      // The same by batches: two servers that both write the same jobs under load.
      const jobs = Array.from({ length: 60 }, (_one, index) => `batch${index}`);
      const outcomes = await Promise.all(
        stores.map((store, index) =>
          Promise.all(jobs.map((job) => store.write(sampleRun({ job, run: `run0000${index}` }), 0))),
        ),
      );
      for (const [index, job] of jobs.entries()) {
        expect(outcomes.map((all) => all[index]?.kind).toSorted()).toEqual(["conflict", "stored"]);
        expect((await stores[0]?.read(job))?.entries).toHaveLength(1);
      }
    },
  );
});

test("every write that was acknowledged is there after kill -9 of the node in the middle of many", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new JobStore(link);
  const acknowledged = new Map<string, { writeId: string; sequence: number }>();
  let isOver = false;
  const write = async (job: string): Promise<void> => {
    for (let count = 0, guard = 0; !isOver; count++) {
      const outcome: WriteOutcome = await store.write(sampleRun({ job, writeId: `w${count}` }), guard);
      if (outcome.kind !== "stored") return;
      guard = outcome.sequence;
      acknowledged.set(job, { writeId: `w${count}`, sequence: guard });
    }
  };
  const jobs = Array.from({ length: 24 }, (_, index) => `job${index}`);
  for (const job of jobs) void write(job);
  const hasMany = (): boolean => jobs.every((job) => (acknowledged.get(job)?.sequence ?? 0) > 300);
  await vi.waitFor(() => expect(hasMany()).toBe(true), { timeout: 10_000 });
  await nats.nodes[0]?.kill("SIGKILL");
  isOver = true;
  const before = new Map(acknowledged);
  await nats.nodes[0]?.start();
  await using again = await openStores(nats);
  for (const [job, { writeId, sequence }] of before) {
    const [entry] = (await new JobStore(again).read(job)).entries;
    // Later only if the last write of this job was stored and its acknowledgement was not.
    if (entry?.sequence === sequence) expect(entry.run?.writeId).toBe(writeId);
    else
      expect(entry).toMatchObject({
        sequence: expect.toSatisfy((found: number) => found > sequence) as number,
        run: { writeId: `w${Number(writeId.slice(1)) + 1}` },
      });
  }
});
