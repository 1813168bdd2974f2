import type { SubmitInput } from "@jobs/core";
import { expect, test, vi } from "vitest";
import { connect } from "./node.ts";
import { startContractServer, viewOf, type Answer, type Request } from "./testing/index.ts";

const named = (name: string): SubmitInput => ({ name, script: "echo hi" });
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `job ${index}`);
const accepted = (name: string): object => ({ run: viewOf({ job: name }), known: false });

/** The jobs that a request is about. */
function jobsOf({ path, body }: Request): string[] {
  if (path !== "/v1/runs/bulk") return [(body as SubmitInput).name];
  return (body as { runs: SubmitInput[] }).runs.map(({ name }) => name);
}

function acceptAll(request: Request): Answer {
  const results = jobsOf(request).map(accepted);
  return { body: request.path === "/v1/runs/bulk" ? { results } : results[0] };
}

/** Accepts all, but those that are held only once `answerAll` was called. */
function answersLater(isHeld: (request: Request) => boolean = () => true): {
  readonly answer: (request: Request) => Promise<Answer>;
  readonly answerAll: () => void;
} {
  let answerAll!: () => void;
  const mayAnswer = new Promise<void>((resolve) => (answerAll = resolve));
  const answer = async (request: Request): Promise<Answer> => {
    if (isHeld(request)) await mayAnswer;
    return acceptAll(request);
  };
  return { answer, answerAll };
}

test("a submission that is alone goes by itself, one after another", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const jobs = connect(server);
  for (const name of names(3)) expect((await jobs.submitJob(named(name))).job).toBe(name);
  expect(server.requests.map(({ path }) => path)).toEqual(["/v1/runs", "/v1/runs", "/v1/runs"]);
});

test("those that are made at once share requests, and each has its own run", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const jobs = connect(server);
  const runs = await Promise.all(names(50).map((name) => jobs.submitJob(named(name))));
  expect(runs.map(({ job }) => job)).toEqual(names(50));
  expect(server.requests.map((request) => jobsOf(request).length)).toEqual([50]);
  const keys = server.requests.flatMap(({ path, body }) =>
    path === "/v1/runs/bulk"
      ? (body as { runs: { key: string }[] }).runs.map(({ key }) => key)
      : [(body as { key: string }).key],
  );
  expect(new Set(keys).size).toBe(50);
});

test("those that come while requests are under way go together once one is answered; a request takes no more than a server does", async () => {
  let answerAll: () => void = () => undefined;
  const mayAnswer = new Promise<void>((resolve) => (answerAll = resolve));
  await using server = await startContractServer({ answer: (request) => mayAnswer.then(() => acceptAll(request)) });
  const jobs = connect(server);
  const runs: Promise<unknown>[] = [];
  for (const name of names(3)) {
    runs.push(jobs.submitJob(named(name)));
    await Promise.resolve(); // each in a turn of its own
    await Promise.resolve();
  }
  runs.push(...names(20).map((name) => jobs.submitJob(named(name))));
  answerAll();
  await Promise.all(runs);
  expect(server.requests.map((request) => jobsOf(request).length)).toEqual([1, 1, 21]);
});

test("what is wrong with one harms no other", async () => {
  const refused = { error: { code: "job-busy", message: "Busy.", field: "name", details: { run: "x" } } };
  await using server = await startContractServer({
    answer: (request) => {
      if (request.path !== "/v1/runs/bulk") return acceptAll(request);
      return { body: { results: jobsOf(request).map((name) => (name === "job 4" ? refused : accepted(name))) } };
    },
  });
  const jobs = connect(server);
  const settled = await Promise.allSettled(names(6).map((name) => jobs.submitJob(named(name))));
  expect(settled.map(({ status }) => status)).toEqual([...names(4).map(() => "fulfilled"), "rejected", "fulfilled"]);
  expect(settled[4]).toMatchObject({ reason: { code: "job-busy", field: "name", details: { run: "x" } } });
});

test("when a shared request is lost, each is sent again with its key", async () => {
  let lost = 0;
  await using server = await startContractServer({
    answer: (request) => (request.path === "/v1/runs/bulk" && lost++ === 0 ? "cut" : acceptAll(request)),
  });
  const jobs = connect(server);
  const runs = await Promise.all(names(5).map((name) => jobs.submitJob(named(name))));
  expect(runs.map(({ job }) => job)).toEqual(names(5));
  expect(server.requests.map(({ path }) => path).filter((path) => path === "/v1/runs")).toHaveLength(5);
  const ofThird = server.requests.flatMap(({ path, body }) =>
    (path === "/v1/runs/bulk"
      ? (body as { runs: { name: string; key: string }[] }).runs
      : [body as { name: string; key: string }]
    ).filter(({ name }) => name === "job 3"),
  );
  expect(ofThird).toHaveLength(2);
  expect(new Set(ofThird.map(({ key }) => key)).size).toBe(1);
});

test("requests that are not answered keep no later submission waiting", async () => {
  const { answer, answerAll } = answersLater(({ path }) => path === "/v1/runs/bulk");
  await using server = await startContractServer({ answer });
  const jobs = connect(server);
  const runs: Promise<unknown>[] = [];
  for (const [one, other] of [
    ["a", "b"],
    ["c", "d"],
  ] as const) {
    runs.push(jobs.submitJob(named(one)), jobs.submitJob(named(other)));
    await Promise.resolve(); // each pair in a turn of its own
    await Promise.resolve();
  }
  expect((await jobs.submitJob(named("e"))).job).toBe("e");
  expect(server.requests.map(jobsOf)).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  answerAll();
  await Promise.all(runs);
});

test("of those that share a request each is given up when its own time is over, and no other with it", async () => {
  const { answer, answerAll } = answersLater((request) => jobsOf(request).includes("hasty"));
  await using server = await startContractServer({ answer });
  const jobs = connect(server);
  const from = performance.now();
  const hasty = jobs.submitJob(named("hasty"), { timeoutMs: 300 });
  const patient = jobs.submitJob(named("patient"));
  await expect(hasty).rejects.toMatchObject({ code: "server-unreachable", details: { key: expect.any(String) } });
  expect(performance.now() - from).toBeLessThan(5_000);
  answerAll();
  expect((await patient).job).toBe("patient");
  expect(server.requests.map(jobsOf)).toEqual([["hasty", "patient"]]);
});

test.each([Infinity, 30 * 24 * 3_600_000])("those that share a request may be waited for %s ms", async (timeoutMs) => {
  const { answer, answerAll } = answersLater();
  await using server = await startContractServer({ answer });
  const jobs = connect(server);
  const submitted = Promise.all(names(2).map((name) => jobs.submitJob(named(name), { timeoutMs })));
  submitted.catch(() => undefined); // it is looked at below
  await expect.poll(() => server.requests.length).toBe(1);
  answerAll();
  expect((await submitted).map(({ job }) => job)).toEqual(names(2));
});

test("more than go into one request go in two at once", async () => {
  const { answer, answerAll } = answersLater();
  await using server = await startContractServer({ answer });
  const jobs = connect(server);
  const runs = names(1_000).map((name) => jobs.submitJob(named(name)));
  await vi.waitFor(() => expect(server.requests.map((request) => jobsOf(request).length)).toEqual([500, 500]));
  answerAll();
  await Promise.all(runs);
});

test("one whose time was over while it waited is not sent", async () => {
  const { answer, answerAll } = answersLater();
  await using server = await startContractServer({ answer });
  const jobs = connect(server);
  const runs = [named("a"), named("b")].map((input) => jobs.submitJob(input));
  await vi.waitFor(() => expect(server.requests).toHaveLength(1));
  runs.push(jobs.submitJob(named("c")));
  await vi.waitFor(() => expect(server.requests).toHaveLength(2));
  const late = jobs.submitJob(named("late"), { timeoutMs: 1 });
  await expect(late).rejects.toMatchObject({ code: "server-unreachable", details: { key: expect.any(String) } });
  answerAll();
  await Promise.all(runs);
  expect(server.requests.flatMap(jobsOf)).toEqual(["a", "b", "c"]);
});

test("what no submission alone is to blame for is told to all of them", async () => {
  await using server = await startContractServer({
    answer: () => ({ status: 401, body: { error: { code: "unauthenticated", message: "No." } } }),
  });
  const jobs = connect(server);
  const settled = await Promise.allSettled(names(4).map((name) => jobs.submitJob(named(name))));
  const codes = settled.map((one) => (one.status === "rejected" ? (one.reason as { code: string }).code : ""));
  expect(codes).toEqual(names(4).map(() => "unauthenticated"));
});

test("one that is given up while it waits is not sent", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const jobs = connect(server);
  const stop = new AbortController();
  const runs = [named("a"), named("b")].map((input) => jobs.submitJob(input));
  const given = jobs.submitJob(named("c"), { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(given).rejects.toThrow("enough");
  await expect(jobs.submitJob(named("e"), { signal: stop.signal })).rejects.toThrow("enough");
  await Promise.all(runs);
  await jobs.submitJob(named("d"));
  expect(server.requests.flatMap(jobsOf).toSorted()).toEqual(["a", "b", "d"]);
});

test("one that is given up before it was sent, or cannot be sent, keeps no later one from being sent", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const jobs = connect(server);
  const stop = new AbortController();
  const given = jobs.submitJob(named("a"), { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(given).rejects.toThrow("enough");
  const unsaid = { ...named("b"), env: { N: 1n as unknown as string } };
  await expect(jobs.submitJob(unsaid)).rejects.toMatchObject({ code: "invalid-request", field: "env.N" });
  const nothing = { ...named("d"), toJSON: () => undefined };
  const beside = jobs.submitJob(named("e"));
  await expect(jobs.submitJob(nothing)).rejects.toMatchObject({ code: "invalid-request" });
  expect((await beside).job).toBe("e");
  expect((await jobs.submitJob(named("c"))).job).toBe("c");
});
