/** What the decider makes of a write's outcome. */
import type { Run } from "@jobs/core";
import { connectNats, JobStore, type NatsLink, type WriteOutcome } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HistoryIndex } from "../projection/history-index.ts";
import { AT } from "../testing/sample-run.ts";
import { sampleSubmission as submission, startStaleServer } from "../testing/stale-server.ts";

let nats: NatsFixture;
let link: NatsLink;
beforeEach(async () => {
  nats = await startNats();
  link = await connectNats({ url: nats.url, name: "test" });
});
afterEach(async () => {
  await link.connection.close();
  await nats[Symbol.asyncDispose]();
});

/** A store of which the first record that is written gets no answer, however often it is sent. */
class SilentStore extends JobStore {
  readonly sent: Run[] = [];
  isSilent = false;
  onSent: () => void = () => undefined;

  override write(run: Run, guard: number): Promise<WriteOutcome> {
    this.sent.push(run);
    this.onSent();
    const isFirst = run.writeId === this.sent[0]?.writeId;
    if (this.isSilent && isFirst) return Promise.resolve({ kind: "unknown", cause: new Error("no answer") });
    return super.write(run, guard);
  }
}

async function serverWithStaleView() {
  const clock = { ms: 0 };
  const store = new SilentStore(link);
  const finished = new HistoryIndex();
  const outcomes: string[] = [];
  const { decider, history } = await startStaleServer(link, {
    store,
    finished,
    monotonicMs: () => clock.ms,
    onOutcome: (outcome) => void outcomes.push(outcome),
  });
  return { decider, store, history, finished, outcomes, clock };
}

test("a write of unknown outcome is sent again as it was, for a minute; then it counts as a conflict and the job is read again", async () => {
  const { decider, store, outcomes, clock } = await serverWithStaleView();
  store.isSilent = true;
  store.onSent = () => (clock.ms += 25_000);
  const { run, isNew } = await decider.submit(submission());
  expect(isNew).toBe(true);
  const writeIds = store.sent.map(({ writeId }) => writeId);
  expect(writeIds).toEqual([writeIds[0], writeIds[0], writeIds[0], run.writeId]);
  expect(writeIds[0]).not.toBe(run.writeId);
  expect(outcomes).toEqual(["unknown", "unknown", "unknown", "conflict", "stored"]);
}, 15_000);

const NEEDS_UPGRADE = {
  code: "store-unavailable",
  message: expect.stringContaining("upgrade this server") as string,
};

test("a submission of a run that this version cannot read in HISTORY is neither stored again nor called unknown", async () => {
  const { decider, store, finished } = await serverWithStaleView();
  finished.addUnreadable("nightly", "run00001");
  await expect(decider.submit(submission())).rejects.toMatchObject(NEEDS_UPGRADE);
  expect(store.sent).toEqual([]);
  await expect(decider.submit(submission({ run: "run00002" }))).resolves.toMatchObject({ isNew: true });
  finished.reset();
  await expect(decider.submit(submission({ job: "another" }))).resolves.toMatchObject({ isNew: true });
});

test("a run that this version cannot read is found in HISTORY also before the index has it", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  const { run } = await one.decider.submit(submission());
  await one.history.write({ ...run, run: "run00000", v: 2 } as unknown as Run);
  await expect(other.decider.submit(submission({ run: "run00000" }))).rejects.toMatchObject(NEEDS_UPGRADE);
});

test("a submission whose first write met a conflict is looked for in HISTORY, also when the view does not say that it went there", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  const { run } = await one.decider.submit(submission());
  const times = { ...run.times, endedAt: AT, settledAt: AT };
  await one.history.write({ ...run, run: "run00000", state: "completed", reason: "exit", times });
  // Its marker is gone, and a later run of the job is there.
  await expect(other.decider.submit(submission({ run: "run00000" }))).resolves.toMatchObject({
    isNew: false,
    run: { run: "run00000", state: "completed" },
  });
  expect(other.outcomes).toEqual(["conflict"]);
});
