import { JobsError, type RunView } from "@jobs/core";
import type { Submission } from "@jobs/core/decide";
import { expect, test } from "vitest";
import { submitAll, type SubmitAllOptions } from "./submit-all.ts";

/** Submissions in the order in which they are asked for; each is decided once the test says how. */
function desk() {
  const asked: { readonly job: string; readonly decide: (error?: JobsError) => void }[] = [];
  const rejected: string[] = [];
  const events = { ended: 0 };
  const options = {
    agents: { resolve: () => ({ kind: "agent", agent: "alpha", name: "alpha" }), matching: () => [] },
    syntax: { check: () => Promise.resolve() },
    artifacts: {},
    runs: {
      findLatest: (job: string) => ({ job, run: `latest of ${job} after ${events.ended}`, state: "pending" }),
      seeAccepted: () => Promise.resolve(),
      erasedAt: () => 0,
    },
    nowMs: () => 0,
    commands: {
      submit: async ({ job, run, after }: Submission) => {
        await new Promise<void>((resolve, reject) =>
          asked.push({
            job,
            decide: (error) => {
              events.ended++;
              if (error === undefined) resolve();
              else reject(error);
            },
          }),
        );
        return { run: { job, run, after }, sequence: 1, isNew: true };
      },
    },
    presenter: { present: (run: unknown) => run as RunView },
    metrics: { onRejected: (code: string) => rejected.push(code) },
  } as unknown as SubmitAllOptions;
  return { asked, rejected, submit: (inputs: readonly unknown[]) => submitAll(inputs, "ada", options) };
}

const input = (name: string, more: object = {}) => ({ name, script: "true", ...more });

test("what is wrong with one submission is its own result, in its place, and harms no other", async () => {
  const { asked, rejected, submit } = desk();
  const results = submit([input("a"), input("b", { script: "" }), 7, null, input("c", { colour: "red" }), input("d")]);
  await expect.poll(() => asked.map(({ job }) => job)).toEqual(["a", "d"]);
  for (const { decide } of asked) decide();
  expect(await results).toMatchObject([
    { run: { job: "a" }, known: false },
    { error: { code: "script-empty", field: "script" } },
    { error: { code: "invalid-request" } },
    { error: { code: "invalid-request" } },
    { error: { code: "invalid-request", field: "colour" } },
    { run: { job: "d" }, known: false },
  ]);
  expect(rejected.toSorted()).toEqual(["invalid-request", "invalid-request", "invalid-request", "script-empty"]);
});

test("of one job the next is asked for once the one before it is decided; other jobs do not wait", async () => {
  const { asked, submit } = desk();
  const results = submit([input("a", { key: "1" }), input("a", { key: "2" }), input("b"), input("a", { key: "3" })]);
  const next = async (...jobs: string[]) => {
    await expect.poll(() => asked.map(({ job }) => job)).toEqual(jobs);
    return asked.at(-1);
  };
  await next("a", "b");
  asked[0]?.decide(new JobsError("job-busy", "Busy."));
  (await next("a", "b", "a"))?.decide();
  (await next("a", "b", "a", "a"))?.decide();
  asked[1]?.decide();
  expect(await results).toMatchObject([
    { error: { code: "job-busy" } },
    { known: false },
    { known: false },
    { known: false },
  ]);
});

test("what is wrong with one that waits for another one of its job is its own result", async () => {
  const { asked, submit } = desk();
  const results = submit([input("a"), input("a", { script: "" })]);
  await expect.poll(() => asked.length).toBe(1);
  await new Promise((resolve) => setImmediate(resolve)); // a rejection that nobody looks at would be told by now
  asked[0]?.decide();
  expect(await results).toMatchObject([{ known: false }, { error: { code: "script-empty" } }]);
});

test("once nobody knows what came of one, the later ones of its job are not tried: sent again they come in order", async () => {
  const { asked, submit } = desk();
  const results = submit([input("a"), input("a"), input("a"), input("b")]);
  await expect.poll(() => asked.map(({ job }) => job)).toEqual(["a", "b"]);
  asked[1]?.decide();
  asked[0]?.decide(new JobsError("store-unavailable", "No answer."));
  const lost = { error: { code: "store-unavailable" } };
  expect(await results).toMatchObject([lost, lost, lost, { known: false }]);
  expect(asked.length).toBe(2);
});

test("one that waits for the latest run of a job meets the run that the same request made before it", async () => {
  const { asked, submit } = desk();
  const results = submit([input("a"), input("b", { after: { jobs: ["a"] } }), input("c", { after: { jobs: ["x"] } })]);
  await expect.poll(() => asked.map(({ job }) => job)).toEqual(["a"]);
  asked[0]?.decide();
  await expect.poll(() => asked.map(({ job }) => job)).toEqual(["a", "b", "c"]);
  for (const { decide } of asked.slice(1)) decide();
  expect(await results).toMatchObject([
    { known: false },
    { run: { after: { runs: [{ job: "a", run: "latest of a after 1" }] } } },
    { known: false },
  ]);
});
