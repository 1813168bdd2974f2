import { JobsError } from "@jobs/core";
import type { RunHandle, RunView } from "@jobs/sdk";
import { expect, test } from "vitest";
import { freshName, startStack } from "./support/stack.ts";

const LONG = "while :; do sleep 0.1; done";

/** Resolves once the run's view holds. */
async function seen(run: RunHandle, holds: (view: RunView) => boolean): Promise<RunView> {
  for (;;) {
    const heard = new Promise((resolve) => run.once("state", resolve));
    const view = await runView(run);
    if (holds(view)) return view;
    await Promise.race([heard, new Promise((resolve) => setImmediate(resolve))]);
  }
}

let clientOfRun: { getRun(id: string): Promise<RunView> };
const runView = (run: RunHandle): Promise<RunView> => clientOfRun.getRun(run.id);

test("runs of one job that queue start one after another, in the order in which they came, on two servers", async () => {
  await using stack = await startStack({ servers: 2, slots: 10 });
  const [one, two] = stack.servers.map((server) => stack.clientOf(server)) as [
    typeof stack.client,
    typeof stack.client,
  ];
  const name = freshName();
  const mark = "echo start-$1 >> $JOBS_OUTPUT/../../../marks; sleep 0.2; echo end-$1 >> $JOBS_OUTPUT/../../../marks";
  const runs: RunHandle[] = [];
  for (let index = 0; index < 5; index++) {
    const script = `set -- ${index}\n${mark}`;
    runs.push(await (index % 2 === 0 ? one : two).submitJob({ name, script, on: "alpha", overlap: "queue" }));
  }
  const waiting = await one.getRun(runs[4]?.id ?? "");
  expect(waiting).toMatchObject({ state: "pending", waitingFor: "previous-run", next: { owner: "run" } });
  expect(waiting.place).toBeGreaterThanOrEqual(2);
  expect(waiting.blockedBy).toBeDefined();
  for (const run of runs) expect(await run.result()).toMatchObject({ state: "completed" });
  const cat = await one.submitJob({ name: freshName(), script: "cat $JOBS_OUTPUT/../../../marks", on: "alpha" });
  let text = "";
  for await (const chunk of cat.logs()) text += chunk.text;
  expect(text.trim().split(/\s+/)).toEqual([0, 1, 2, 3, 4].flatMap((index) => [`start-${index}`, `end-${index}`]));
});

test("queue-latest keeps the latest that waits; replace ends what is in its way; a full queue refuses", async () => {
  await using stack = await startStack();
  const { client } = stack;
  clientOfRun = client;
  const name = freshName();
  const submit = (overlap: "queue" | "queue-latest" | "replace", more = {}): Promise<RunHandle> =>
    client.submitJob({ name, script: LONG, on: "alpha", overlap, ...more });
  const first = await submit("queue");
  const [second, third] = [await submit("queue-latest"), await submit("queue-latest")];
  expect(await second.result()).toMatchObject({ state: "skipped", reason: "replaced-by", replacedBy: third.id });
  await expect(submit("queue", { queueLimit: 1 })).rejects.toMatchObject({
    code: "queue-full",
    field: "name",
    details: { waiting: 1, run: third.id },
  });
  const last = await submit("replace");
  expect(await third.result()).toMatchObject({ state: "skipped", reason: "replaced-by", replacedBy: last.id });
  expect(await first.result()).toMatchObject({ state: "cancelled", reason: "replaced-by", replacedBy: last.id });
  expect(await seen(last, ({ state }) => state === "running")).toMatchObject({ overlap: "replace" });
  await last.cancel();
  expect(await last.result()).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
});

test("a run that takes the place of one that waits for a full host starts before those that came meanwhile", async () => {
  await using stack = await startStack({ servers: 2, slots: 1 });
  const [one, two] = stack.servers.map((server) => stack.clientOf(server)) as [
    typeof stack.client,
    typeof stack.client,
  ];
  const full = await one.submitJob({ name: freshName(), script: LONG, on: "alpha" });
  const name = freshName();
  const submit = (client = one): Promise<RunHandle> =>
    client.submitJob({ name, script: "true", on: "alpha", overlap: "queue-latest" });
  const first = await submit();
  const meanwhile = await one.submitJob({ name: freshName(), script: "true", on: "alpha" });
  const [second, last] = [await submit(two), await submit()];
  for (const run of [first, second])
    expect(await run.result()).toMatchObject({ state: "skipped", reason: "replaced-by" });
  await expect.poll(async () => (await one.getRun(last.id)).waitingFor).toBe("slot");
  await full.cancel();
  const [{ times: early }, { times: late }] = [await last.result(), await meanwhile.result()];
  expect([early.inLineSince, early.runningAt ?? ""]).toEqual([first.view.times.submittedAt, expect.any(String)]);
  expect((early.runningAt ?? "") < (late.runningAt ?? "")).toBe(true);
});

test("a held run waits for its release, those behind it pass it; what a host has cannot be held", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  const held = await client.submitJob({ name, script: "echo held", on: "alpha", overlap: "queue", hold: true });
  expect(held.view).toMatchObject({ waitingFor: "held", heldBy: "tester", next: { owner: "operator" } });
  const passing = await client.submitJob({ name, script: "echo passing", on: "alpha", overlap: "queue" });
  expect(await passing.result()).toMatchObject({ state: "completed" });
  expect(await client.getRun(held.id)).toMatchObject({ state: "pending" });
  await held.release();
  expect(await held.result()).toMatchObject({ state: "completed" });
  const running = await client.submitJob({ name, script: LONG, on: "alpha" });
  await expect(running.hold()).rejects.toMatchObject({ code: "run-started", field: "run" });
  const behind = await client.submitJob({ name, script: "echo behind", on: "alpha", overlap: "queue" });
  await behind.hold();
  expect((await behind.cancel()).state).toBe("cancelled");
  await running.cancel();
  await running.result();
});

test("a paused job starts nothing, what is submitted waits; so does everything while all is paused", async () => {
  await using stack = await startStack({ servers: 2 });
  const [one, two] = stack.servers.map((server) => stack.clientOf(server)) as [
    typeof stack.client,
    typeof stack.client,
  ];
  const name = freshName();
  await expect(one.pauseJob(name)).rejects.toMatchObject({ code: "job-unknown", field: "name" });
  const first = await one.submitJob({ name, script: "echo first", on: "alpha" });
  await first.settled();
  expect(await two.pauseJob(name, "upgrade")).toMatchObject({ paused: { by: "tester", note: "upgrade" } });
  const waiting = await one.submitJob({ name, script: "echo second", on: "alpha" });
  expect(waiting.view).toMatchObject({ state: "pending", waitingFor: "job-paused", next: { owner: "operator" } });
  expect(await one.getJob(name)).toMatchObject({ paused: { note: "upgrade" }, runs: [{ run: waiting.id, place: 1 }] });
  await two.pauseAll("all of it");
  await one.resumeJob(name);
  await expect(one.submitJob({ name, script: "echo third", on: "alpha" })).rejects.toMatchObject({ code: "job-busy" });
  expect(await one.getPause()).toMatchObject({ by: "tester", note: "all of it" });
  const other = await two.submitJob({ name: freshName(), script: "echo other", on: "alpha" });
  expect(other.view).toMatchObject({ waitingFor: "all-paused" });
  await one.resumeAll();
  for (const run of [waiting, other]) expect(await run.result()).toMatchObject({ state: "completed" });
  const audit = await one.listAudit(10);
  expect(audit.map(({ action }) => action)).toEqual(["resume-all", "resume", "pause-all", "pause"]);
  expect(audit.at(-1)).toMatchObject({ by: "tester", job: name, note: "upgrade" });
});

test("a job's policy holds for those that say none; a submission freezes it", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  await client.saveJob(name, {
    policy: { overlap: "queue", graceMs: 1_000, lostAfterMs: 180_000, onLost: "hold" },
  });
  const first = await client.submitJob({ name, script: LONG, on: "alpha" });
  const second = await client.submitJob({ name, script: "echo 2", on: "alpha" });
  expect(second.view).toMatchObject({ overlap: "queue", waitingFor: "previous-run", onLost: "hold" });
  await client.saveJob(name, { policy: {} });
  await expect(client.submitJob({ name, script: "echo 3", on: "alpha" })).rejects.toMatchObject({ code: "job-busy" });
  expect((await client.getRun(second.id)).overlap).toBe("queue");
  await first.cancel();
  expect(await second.result()).toMatchObject({ state: "completed", lostAfterMs: 180_000 });
});

test("a run that waited for too long is skipped and says so", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  const first = await client.submitJob({ name, script: LONG, on: "alpha" });
  const second = await client.submitJob({ name, script: "echo", on: "alpha", overlap: "queue", waitAtMostMs: 1_000 });
  const { state, reason, sentence } = await second.result();
  expect({ state, reason }).toEqual({ state: "skipped", reason: "expired-in-queue" });
  expect(sentence).toBe("Skipped: it waited for too long, at last for the previous run of the job.");
  await first.cancel();
  await first.result();
});

test("a run is repeated as it was or changed; the same key repeats it once", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  const script = `echo "$WHAT" # ${"x".repeat(20_000)}`;
  const first = await client.submitJob({ name, script, on: "alpha", env: { WHAT: "first" } });
  await first.settled();
  const textOf = async (run: RunHandle): Promise<string> => {
    let text = "";
    for await (const chunk of run.logs()) text += chunk.text;
    return text.trim();
  };
  const again = await client.rerunRun(first.id);
  expect(await textOf(again)).toBe("first");
  expect(await again.settled()).toMatchObject({ rerunOf: first.id, state: "completed" });
  const changed = await client.rerunRun(first.id, { env: { WHAT: "changed" }, key: "k" });
  expect(await textOf(changed)).toBe("changed");
  await changed.settled();
  const same = await client.rerunRun(first.id, { env: { WHAT: "changed" }, key: "k" });
  expect([same.id, same.known]).toEqual([changed.id, true]);
  await expect(client.rerunRun(first.id, { script: "if" })).rejects.toMatchObject({ code: "script-syntax" });
  await expect(client.rerunRun("nosuchrun0")).rejects.toMatchObject({ code: "run-unknown" });
  expect(await client.listRuns({ job: name })).toHaveLength(3);
});

test("resolve refuses while the host answers for the run, and when there is nothing to resolve", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const run = await client.submitJob({ name: freshName(), script: LONG, on: "alpha" });
  await expect(client.resolveRun(run.id)).rejects.toMatchObject({ code: "nothing-to-resolve", field: "run" });
  await run.cancel();
  await run.settled();
  const error = await client.resolveRun(run.id).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(JobsError);
  expect(error).toMatchObject({ code: "nothing-to-resolve" });
});

test("one slot that many jobs wait for is given to one of them at a time, in the order in which they came", async () => {
  await using stack = await startStack({ slots: 1 });
  const { client } = stack;
  const runs: RunHandle[] = [];
  for (let index = 0; index < 10; index++)
    runs.push(await client.submitJob({ name: freshName(), script: "sleep 0.3", on: "alpha" }));
  const ends: RunView[] = [];
  for (const run of runs) ends.push(await run.result());
  expect(ends.map(({ attempt }) => attempt)).toEqual(ends.map(() => 1)); // none was refused for want of room
  const started = ends.map(({ times }) => times.runningAt ?? "");
  expect(started).toEqual(started.toSorted());
});
