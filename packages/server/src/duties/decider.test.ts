import { JobsError, type JobDefinition, type Run } from "@jobs/core";
import { connectNats, entryOf, type NatsLink } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AT, sampleRun } from "../testing/sample-run.ts";
import { sampleSubmission as submission, startStaleServer } from "../testing/stale-server.ts";
import type { Decided } from "./decided.ts";

let nats: NatsFixture;
let links: NatsLink[];
beforeEach(async () => {
  nats = await startNats();
  links = [];
});
afterEach(async () => {
  for (const link of links) await link.connection.close();
  await nats[Symbol.asyncDispose]();
});

async function serverWithStaleView(assertMayDecide?: () => void) {
  const link = await connectNats({ url: nats.url, name: "test" });
  links.push(link);
  return startStaleServer(link, assertMayDecide === undefined ? {} : { assertMayDecide });
}

test("two servers that both think they decide, each with a view of its own: one accepts, the other rejects and names the run", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  for (let round = 0; round < 20; round++) {
    const job = `job ${round}`;
    const outcomes = await Promise.allSettled([
      one.decider.submit(submission({ job, run: "run0000a" })),
      other.decider.submit(submission({ job, run: "run0000b" })),
    ]);
    const accepted = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.run.run] : []));
    const refusals = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason as JobsError] : [],
    );
    expect(accepted).toHaveLength(1);
    expect(refusals).toMatchObject([{ code: "job-busy", details: { run: accepted[0] } }]);
  }
});

test("the same submission at two servers is one run, and both say so", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  const answers = await Promise.all([one.decider.submit(submission()), other.decider.submit(submission())]);
  expect(answers.map(({ run }) => run.writeId)).toEqual([answers[0]?.run.writeId, answers[0]?.run.writeId]);
  expect(answers.filter(({ isNew }) => isNew)).toHaveLength(1);
});

test("after a conflict only what is not in the view yet is read, however much the job has", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  for (let index = 0; index < 20; index++) {
    const { run } = await one.decider.submit(submission({ run: `run0000${index}` }));
    await one.decider.remove(run);
  }
  await other.decider.submit(submission({ run: "run00100" })); // its view was empty: it has read all of it by now
  const requests = vi.spyOn(one.store, "readAfter");
  const all = vi.spyOn(one.store, "read");
  await expect(one.decider.submit(submission({ run: "run00101" }))).rejects.toMatchObject({ code: "job-busy" });
  expect(await requests.mock.results[0]?.value).toMatchObject([{ run: { run: "run00100" } }]);
  expect(all).not.toHaveBeenCalled();
});

test("a view that has what the store has not, as a marker that is gone by now, is read anew as a whole", async () => {
  const { decider, jobs, store } = await serverWithStaleView();
  const { sequence: gone } = await decider.submit(submission({ job: "other" }));
  jobs.apply(entryOf({ kind: "marker", run: sampleRun({ job: "nightly", run: "run00009" }) }, gone));
  const { sequence } = await decider.submit(submission());
  expect(jobs.view("nightly")).toMatchObject({ guard: sequence, runs: [{ run: "run00001" }] });
  expect((await store.read("nightly")).entries).toHaveLength(1);
});

test("a view that has forgotten what the store still has, as a marker that lives on there, is read anew as a whole", async () => {
  const { decider, jobs, store } = await serverWithStaleView();
  const { run } = await decider.submit(submission());
  await decider.remove(run);
  jobs.reset();
  jobs.applySnapshot("nightly", { asOf: 2, entries: [] });
  const { sequence } = await decider.submit(submission({ run: "run00002" }));
  expect(jobs.view("nightly")).toMatchObject({ guard: sequence, runs: [{ run: "run00002" }] });
  expect((await store.read("nightly")).entries.map(({ kind }) => kind)).toEqual(["marker", "run"]);
});

test("a submission that is under way while nats-server is killed is answered once it is back, and stored once", async () => {
  const { decider, store } = await serverWithStaleView();
  await decider.submit(submission({ job: "before" }));
  const [node] = nats.nodes;
  // As every client does: what may or may not be stored is asked for again, with the same key.
  const submit = (job: string): Promise<Decided> =>
    decider
      .submit(submission({ job }))
      .catch((error: JobsError) => (error.code === "store-unavailable" ? submit(job) : Promise.reject(error)));
  const answers = Array.from({ length: 20 }, (_, index) => submit(`job ${index}`));
  await node?.kill("SIGKILL");
  await node?.start();
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    const { entries } = await store.read(`job ${index}`);
    expect(entries.map(({ run, sequence }) => [run?.writeId, sequence])).toEqual([
      [answer.run.writeId, answer.sequence],
    ]);
  }
});

test("a submission that comes again after its run went to HISTORY and left no trace in this server's view is that run", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  const { run } = await one.decider.submit(submission());
  const ended: Run = {
    ...run,
    state: "completed",
    reason: "exit",
    times: { ...run.times, endedAt: AT, settledAt: AT },
  };
  await one.history.write(ended);
  await one.decider.remove(run);
  await expect(other.decider.submit(submission())).resolves.toMatchObject({
    isNew: false,
    run: { state: "completed" },
  });
  await expect(other.decider.submit(submission({ requestDigest: "another" }))).rejects.toMatchObject({
    code: "key-conflict",
  });
  const { entries } = await one.store.read("nightly");
  expect(entries.map(({ kind }) => kind)).toEqual(["marker"]);
});

test("a definition is deleted once, whoever deletes it too, and leaves a marker; what is said later begins anew", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  const schedules = [{ id: "main", every: { ms: 60_000 } }];
  const task = { target: submission().target, payload: submission().payload, digest: "d" };
  await one.decider.define("nightly", { by: "ada", task, schedules });
  await one.decider.define("nightly", { by: "ada", pause: {} });
  expect(await other.decider.delete("nightly")).toEqual({ isNew: false, sequence: 0 }); // its view is empty
  const { sequence: before } = await other.decider.define("nightly", { by: "bob", policy: { overlap: "queue" } });
  expect(await one.decider.delete("nightly")).toMatchObject({ isNew: true, sequence: before + 1 });
  expect((await one.store.read("nightly")).entries).toMatchObject([{ kind: "marker", sequence: before + 1 }]);
  expect(one.jobs.view("nightly")).toMatchObject({ definition: undefined, guard: before + 1, isUnreadable: false });
  const { definition } = await other.decider.define("nightly", { by: "bob", policy: { queueLimit: 2 } });
  expect(definition).toMatchObject({ policy: { queueLimit: 2 } });
  expect(definition).not.toHaveProperty("paused");
  expect(definition).not.toHaveProperty("schedules");
});

test("a job with a live run is not deleted, also when its run was not in the view", async () => {
  const [one, other] = [await serverWithStaleView(), await serverWithStaleView()];
  await one.decider.define("nightly", { by: "ada", policy: {} });
  await other.decider.submit(submission());
  const refusal = { code: "job-busy", details: { run: "run00001" } };
  await expect(one.decider.delete("nightly")).rejects.toMatchObject(refusal);
  expect((await one.store.read("nightly")).entries.map(({ kind }) => kind)).toEqual(["definition", "run"]);
  await expect(one.decider.alone("nightly", ({ runs }) => Promise.resolve(runs.length))).resolves.toBe(1);
});

test("a server that may not decide writes nothing", async () => {
  const refusal = new JobsError("no-deciding-server", "not just now");
  const { decider, store } = await serverWithStaleView(() => {
    throw refusal;
  });
  await expect(decider.submit(submission())).rejects.toBe(refusal);
  expect((await store.read("nightly")).entries).toEqual([]);
});

test("a record that this version cannot read blocks its job with a clear error, and nothing else", async () => {
  const { decider, store } = await serverWithStaleView();
  const newer = { v: 2, job: "nightly", run: "run00009" } as unknown as Run;
  expect(await store.write(newer, 0)).toMatchObject({ kind: "stored" });
  await expect(decider.submit(submission())).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining("newer version") as string,
  });
  await expect(decider.submit(submission({ job: "another" }))).resolves.toMatchObject({ isNew: true });
});

test("an ended run of a job with a record that this version cannot read stays a live one", async () => {
  const { decider, store } = await serverWithStaleView();
  const { run, sequence } = await decider.submit(submission());
  const newer = { v: 2, job: "nightly" } as unknown as JobDefinition;
  await store.writeDefinition(newer, sequence);
  await decider.remove(run);
  expect((await store.read("nightly")).entries.map(({ kind }) => kind)).toEqual(["run", "unreadable"]);
});

test("a job with a schedule that this version cannot compute is left alone until its schedules are saved anew", async () => {
  const { decider, jobs, store } = await serverWithStaleView();
  const task = { target: submission().target, payload: submission().payload, digest: "d" };
  const schedules = [{ id: "main", cron: "@daily" }];
  await decider.define("nightly", { by: "ada", task, policy: { queueLimit: 3 }, schedules });
  await decider.define("nightly", { by: "ada", schedules: [{ id: "main", cron: "@daily", zone: "Mars/Olympus" }] });
  const refusal = {
    code: "store-unavailable",
    message: expect.stringContaining("upgrade it, or save the schedule anew") as string,
  };
  await expect(decider.reconcile("nightly")).rejects.toMatchObject(refusal);
  await expect(decider.submit(submission())).rejects.toMatchObject(refusal);
  await expect(decider.define("nightly", { by: "ada", pause: {} })).rejects.toMatchObject(refusal);
  await expect(decider.submit(submission({ job: "another" }))).resolves.toMatchObject({ isNew: true });

  const { definition } = await decider.define("nightly", { by: "bob", schedules });
  expect(definition).toMatchObject({ task, policy: { queueLimit: 3 }, schedules });
  expect((await store.read("nightly")).entries).toMatchObject([{ definition }]);
  expect(jobs.view("nightly")).toMatchObject({ isUnreadable: false, definition });
  await expect(decider.submit(submission())).resolves.toMatchObject({ isNew: true });
});

test("a server that stops while the outcome of a write is unknown says that it does not know", async () => {
  const { decider, stopping } = await serverWithStaleView();
  await nats.nodes[0]?.kill("SIGKILL");
  const answer = decider.submit(submission());
  stopping.abort();
  await expect(answer).rejects.toMatchObject({ code: "store-unavailable" });
}, 60_000);
