import type { Run } from "@jobs/core";
import { entryOf, MARKER_TTL_SECONDS } from "@jobs/core/jetstream";
import { expect, onTestFinished, test, vi } from "vitest";
import { AT, finishedRun, sampleAttempt, sampleRun } from "../testing/sample-run.ts";
import { runsWith } from "../testing/sample-runs.ts";
import { HistoryIndex } from "./history-index.ts";
import { JobsProjection } from "./jobs-projection.ts";

test("a run that is not there is unknown once all that is stored was seen", async () => {
  await expect(runsWith(() => Promise.resolve()).get("r")).rejects.toMatchObject({ code: "run-unknown" });
});

test("a run on its way into HISTORY, whose marker was seen before its record there, is not unknown", async () => {
  let catchUps = 0;
  // The first time the marker comes, which shows nothing; what was stored before it comes with the second.
  const runs = runsWith(
    () => Promise.resolve(void (++catchUps === 2 && runs.onFinished(finishedRun({ run: "r" }), 1))),
    {
      read: () => Promise.resolve(finishedRun({ run: "r" })),
    },
  );
  await expect(runs.get("r")).resolves.toMatchObject({ run: "r", state: "completed" });
});

test("a run whose record is of a newer version is not unknown", async () => {
  const history = new HistoryIndex();
  history.addUnreadable("nightly", "r");
  await expect(runsWith(() => Promise.resolve(), { history }).get("r")).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining("upgrade this server") as string,
  });
});

test("a server that cannot see what is stored does not call a run unknown, nor that a fault of its own", async () => {
  const cause = new Error("the mark did not come back");
  const runs = runsWith(() => Promise.reject(cause));
  await expect(runs.get("r")).rejects.toMatchObject({ code: "store-unavailable", cause });
});

test("of a run for several hosts the part is overdue whose host does not start it: the whole says nothing of it", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const target = { kind: "all", labels: "web" } as const;
  const whole = sampleRun({ run: "whole001", state: "running", target, fanOut: { agents: ["alpha"] } });
  const part = sampleRun({ run: "part0001", partOf: whole.run, attempts: [sampleAttempt()] });
  for (const [at, run] of [whole, part].entries()) jobs.apply(entryOf({ kind: "run", run }, at + 1));
  const runs = runsWith(() => Promise.resolve(), { jobs, nowMs: Date.parse(AT) + 600_000 });
  expect(runs.overdue()).toMatchObject([{ run: part.run, partOf: whole.run, next: { who: "alpha" } }]);
});

test("a run is in lists and counts once, whichever of its marker and its record in HISTORY is seen first", async () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const history = new HistoryIndex();
  const read = (): Promise<Run> => Promise.resolve(finishedRun());
  const runs = runsWith(() => Promise.resolve(), { jobs, history, read });
  const listed = async (): Promise<readonly unknown[]> => {
    const { runs: page } = await runs.list({ job: "nightly" }, { limit: 10 });
    return [page.map(({ run }) => run), runs.count({}).total, Number(runs.findLatest("nightly") !== undefined)];
  };
  const marked = (sequence: number): void => jobs.apply(entryOf({ kind: "marker", run: sampleRun() }, sequence));
  const there = [["run00001"], 1, 1];
  jobs.apply(entryOf({ kind: "run", run: finishedRun() }, 1));
  expect(await listed()).toEqual(there);
  marked(2);
  expect(await listed()).toEqual(there);
  runs.onFinished(finishedRun(), 1);
  expect(await listed()).toEqual(there);
  history.erase("nightly", 2);
  expect(await listed()).toEqual([[], 0, 0]);

  jobs.apply(entryOf({ kind: "run", run: finishedRun() }, 3));
  runs.onFinished(finishedRun(), 3);
  expect(await listed()).toEqual(there);
  history.erase("nightly", 4); // before the marker is seen
  marked(4);
  expect(await listed()).toEqual([[], 0, 0]);

  jobs.apply(entryOf({ kind: "run", run: finishedRun() }, 5));
  marked(6);
  expect(await listed()).toEqual(there);
  history.erase("nightly", 6);
  expect(await listed()).toEqual([[], 0, 0]);
});

test("a run on its way into HISTORY is waited for as long as its marker stands", async () => {
  const clock = { ms: 0 };
  const jobs = new JobsProjection({ monotonicMs: () => clock.ms });
  const runs = runsWith(() => Promise.resolve(), { jobs });
  jobs.apply(entryOf({ kind: "run", run: finishedRun() }, 1));
  jobs.apply(entryOf({ kind: "marker", run: sampleRun() }, 2));
  clock.ms = MARKER_TTL_SECONDS * 1_000;
  expect(runs.count({}).total).toBe(1);
  clock.ms++;
  jobs.view("nightly");
  expect(runs.count({}).total).toBe(0);
});

test("runs of the same millisecond, live ones and those in HISTORY, are each on one page", async () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const read = (job: string, run: string): Promise<Run> => Promise.resolve(finishedRun({ job, run }));
  const runs = runsWith(() => Promise.resolve(), { jobs, read });
  const ids = Array.from({ length: 9 }, (_, at) => `run0000${at}`);
  for (const [at, run] of ids.entries())
    if (at % 3 === 0) jobs.apply(entryOf({ kind: "run", run: sampleRun({ run }) }, at + 1));
    else runs.onFinished(finishedRun({ run }), at);
  const listed: string[] = [];
  let after: string | undefined;
  do {
    const page = await runs.list({}, { limit: 2, after });
    listed.push(...page.runs.map(({ run }) => run));
    after = page.next;
  } while (after !== undefined && listed.length < ids.length * 2);
  expect(listed).toEqual(ids.toReversed());
});

test("a list of very many live runs reads no instant of each", async () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const count = 200;
  for (let at = 1; at <= count; at++)
    jobs.apply(entryOf({ kind: "run", run: sampleRun({ run: `run${at}`, job: `job ${at}` }) }, at));
  const runs = runsWith(() => Promise.resolve(), { jobs });
  const parse = vi.spyOn(Date, "parse");
  onTestFinished(() => parse.mockRestore());
  expect((await runs.list({ since: AT }, { limit: 1 })).runs).toHaveLength(1);
  expect(runs.count({ since: AT, until: AT }).total).toBe(0);
  expect(parse.mock.calls.length).toBeLessThan(count / 10);
});
