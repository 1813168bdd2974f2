import { JobsError, REQUEST_MAX_BYTES, type SubmitInput } from "@jobs/core";
import { expect, test, vi } from "vitest";
import { connect } from "./node.ts";
import { startContractServer, viewOf, type Answer, type Request } from "./testing/index.ts";

const named = (name: string, more: Partial<SubmitInput> = {}): SubmitInput => ({ name, script: "echo hi", ...more });
const runsOf = ({ body }: Request): (SubmitInput & { key: string })[] =>
  (body as { runs: (SubmitInput & { key: string })[] }).runs;
const accepted = (name: string) => ({ run: viewOf({ job: name }), known: false });
const failed = (code: string) => ({ error: { code, message: "No." } });
const acceptAll = (request: Request): Answer => ({
  body: { results: runsOf(request).map(({ name }) => accepted(String(name))) },
});

test("of many submissions each has a handle or its own error, in the order given", async () => {
  await using server = await startContractServer({
    answer: (request) => ({
      body: {
        results: runsOf(request).map(({ name }) =>
          name === "b"
            ? { error: { code: "job-busy", message: "Busy.", field: "name", details: { run: "x" } } }
            : accepted(name),
        ),
      },
    }),
  });
  const [a, b, c, ...more] = await connect(server).submitJobs([named("a"), named("b"), named("c", { key: "mine" })]);
  expect(a).toMatchObject({ job: "a", known: false });
  expect(b).toBeInstanceOf(JobsError);
  expect(b).toMatchObject({ code: "job-busy", field: "name", details: { run: "x" } });
  expect(c).toMatchObject({ job: "c" });
  expect(more).toEqual([]);
  const [request] = server.requests;
  expect(request).toMatchObject({ method: "POST", path: "/v1/runs/bulk", authorization: `Bearer ${server.token}` });
  const keys = request === undefined ? [] : runsOf(request).map(({ key }) => key);
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), expect.stringMatching(/^[0-9a-f]{32}$/), "mine"]);
  expect(new Set(keys).size).toBe(3);
});

test("no request has more than 500 submissions or more bytes than a server takes, and none is sent for nothing", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const jobs = connect(server);
  expect(await jobs.submitJobs([])).toEqual([]);
  expect(server.requests).toEqual([]);
  const names = Array.from({ length: 2_001 }, (_, index) => `job ${index}`);
  const results = await jobs.submitJobs(names.map((name) => named(name)));
  expect(results.map((one) => (one instanceof JobsError ? one.code : one.job))).toEqual(names);
  expect(server.requests.map((request) => runsOf(request).length)).toEqual([500, 500, 500, 500, 1]);
  expect(new Set(server.requests.flatMap((request) => runsOf(request).map(({ key }) => key))).size).toBe(2_001);
  const large = "ä".repeat(REQUEST_MAX_BYTES / 2 / 3);
  await jobs.submitJobs(["a", "b", "c", "d"].map((name) => named(name, { script: large })));
  const sizes = server.requests.slice(5).map(({ body }) => Buffer.byteLength(JSON.stringify(body)));
  expect(sizes.length).toBe(2);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(REQUEST_MAX_BYTES);
  const short = Array.from({ length: 499 }, (_, index) => named(`short ${index}`, { script: "€".repeat(900) }));
  await jobs.submitJobs([named("long", { script: "a".repeat(REQUEST_MAX_BYTES - 1_000_000) }), ...short]);
  const mixed = server.requests.slice(7).map(({ body }) => Buffer.byteLength(JSON.stringify(body)));
  expect(mixed.length).toBe(2);
  for (const size of mixed) expect(size).toBeLessThanOrEqual(REQUEST_MAX_BYTES);
});

test("what nobody knows the outcome of is sent again with the same keys, and nothing else is", async () => {
  const answers: ((request: Request) => Answer)[] = [
    () => "cut",
    () => ({ status: 503, body: failed("no-deciding-server") }),
    () => ({
      body: {
        results: [accepted("a"), failed("store-unavailable"), failed("script-empty"), failed("no-deciding-server")],
      },
    }),
    acceptAll,
  ];
  await using server = await startContractServer({ answer: (request) => answers.shift()?.(request) ?? "cut" });
  const results = await connect(server).submitJobs(["a", "b", "c", "d"].map((name) => named(name)));
  expect(results.map((one) => (one instanceof JobsError ? one.code : one.job))).toEqual([
    "a",
    "b",
    "script-empty",
    "d",
  ]);
  const keys = server.requests.map((request) => runsOf(request).map(({ key }) => key));
  expect(keys[1]).toEqual(keys[0]);
  expect(keys[2]).toEqual(keys[0]);
  expect(keys[3]).toEqual([keys[0]?.[1], keys[0]?.[3]]);
});

test("once no answer comes any more, what is not known says with which key to ask again, and no more is sent", async () => {
  let count = 0;
  await using server = await startContractServer({
    answer: (request) => (count++ === 0 ? acceptAll(request) : "cut"),
  });
  const inputs = Array.from({ length: 2_500 }, (_, index) => named(`job ${index}`, { key: `key ${index}` }));
  const results = await connect(server).submitJobs(inputs, { timeoutMs: 400 });
  expect(results.slice(0, 500).every((one) => !(one instanceof JobsError))).toBe(true);
  for (const index of [500, 999, 1_000, 1_499, 1_500, 2_499])
    expect(results[index]).toMatchObject({ code: "server-unreachable", details: { key: `key ${index}` } });
  const firsts = server.requests.slice(1).map((request) => runsOf(request)[0]?.name);
  expect(new Set(firsts)).toEqual(new Set(["job 500", "job 1000"]));
  expect(firsts.length).toBeGreaterThan(2);
});

test("what is wrong with one, whatever it is, is left to the server to say", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const wrong = [5, {}, true, [7], null, " a"].map((jobs) => named("a", { after: { jobs } } as unknown as SubmitInput));
  const inputs = [...wrong, { script: "echo hi" } as unknown as SubmitInput, named("b", { after: null as never })];
  expect(await connect(server).submitJobs(inputs)).toHaveLength(inputs.length);
  expect(server.requests.flatMap(runsOf)).toMatchObject(inputs);
});

test("one that is no submission, or that JSON has no word for, has its error in its place, and the others go", async () => {
  await using server = await startContractServer({ answer: acceptAll });
  const endless = named("b", { timeoutMs: NaN });
  const inputs = [null, named("a"), 5, undefined, endless, named("c", { priority: 5n as never }), named("d")];
  const results = await connect(server).submitJobs(inputs as SubmitInput[]);
  expect(results.map((one) => (one instanceof JobsError ? [one.code, one.field] : one.job))).toEqual([
    ["invalid-request", undefined],
    "a",
    ["invalid-request", undefined],
    ["invalid-request", undefined],
    ["invalid-request", "timeoutMs"],
    ["invalid-request", "priority"],
    "d",
  ]);
  expect(server.requests.map((request) => runsOf(request).length)).toEqual([2]);
});

test("once one is not answered no later one is sent, also when another was answered after it", async () => {
  let answerSecond: () => void = () => undefined;
  await using server = await startContractServer({
    answer: (request) => {
      if (runsOf(request)[0]?.name === "job 0") return { status: 503, body: failed("no-deciding-server") };
      return new Promise((resolve) => (answerSecond = () => resolve(acceptAll(request))));
    },
  });
  const inputs = Array.from({ length: 2_000 }, (_, index) => named(`job ${index}`));
  using _ = vi.spyOn(Math, "random").mockReturnValue(0); // pauses of 50, 100, 200, 400, 800, 1,000 ms
  const from = performance.now();
  const results = connect(server).submitJobs(inputs, { timeoutMs: 2_500 });
  // The first is given up after 1.55 s, before its time is over: that leaves no room for another try.
  await vi.waitFor(() => expect(performance.now() - from).toBeGreaterThan(2_200), { timeout: 5_000, interval: 10 });
  answerSecond();
  const codes = (await results).map((one) => (one instanceof JobsError ? one.code : "accepted"));
  expect(codes[0]).toBe("no-deciding-server");
  expect(codes[1_999]).not.toBe("accepted");
  expect(server.requests.map((request) => runsOf(request)[0]?.name)).not.toContain("job 1500");
});

test("two requests are under way at once, but not two of one job, nor one that waits for a job of the other", async () => {
  const answers: (() => void)[] = [];
  await using server = await startContractServer({
    answer: (request) => new Promise((resolve) => answers.push(() => resolve(acceptAll(request)))),
  });
  const others = await startContractServer({ answer: acceptAll });
  await using _ = others;
  const firsts = (): string[] => server.requests.map((request) => runsOf(request)[0]?.name ?? "");
  const come = (...names: string[]): Promise<void> =>
    vi.waitFor(() => {
      expect(firsts().length).toBe(names.length);
      expect(new Set(firsts())).toEqual(new Set(names));
    });
  const part = (prefix: string, last: SubmitInput): SubmitInput[] => [
    ...Array.from({ length: 499 }, (_one, index) => named(`${prefix} ${index}`)),
    last,
  ];
  const submission = connect(server).submitJobs([
    ...part("first", named("nightly")),
    ...part("second", named("weekly")),
    ...part("third", named("report", { after: { jobs: [" weekly"] } })),
    ...part("fourth", named("report ")),
  ]);
  await come("first 0", "second 0");
  const answer = (name: string): void => answers[firsts().indexOf(name)]?.();
  for (const [answered, next] of [
    ["first 0", undefined],
    ["second 0", "third 0"],
    ["third 0", "fourth 0"],
  ] as const) {
    const before = firsts();
    answer(answered);
    // One that is sent too soon comes before so many others are answered.
    for (let count = 0; count < 20; count++) await connect(others).submitJobs([named("other")]);
    await come(...before, ...(next === undefined ? [] : [next]));
  }
  answer("fourth 0");
  expect((await submission).every((one) => !(one instanceof JobsError))).toBe(true);
});

test("a job gets no later run while one that waits for its latest is not answered", async () => {
  const answers: (() => void)[] = [];
  await using server = await startContractServer({
    answer: (request) => new Promise((resolve) => answers.push(() => resolve(acceptAll(request)))),
  });
  await using others = await startContractServer({ answer: acceptAll });
  const before = Array.from({ length: 499 }, (_, index) => named(`before ${index}`));
  const inputs = [...before, named("report", { after: { jobs: ["weekly"] } }), named("weekly")];
  const submission = connect(server).submitJobs(inputs);
  await expect.poll(() => answers.length).toBe(1);
  // One that is sent too soon comes before so many others are answered.
  for (let count = 0; count < 20; count++) await connect(others).submitJobs([named("other")]);
  expect(answers.length).toBe(1);
  answers[0]?.();
  await expect.poll(() => answers.length).toBe(2);
  answers[1]?.();
  expect((await submission).every((one) => !(one instanceof JobsError))).toBe(true);
});

test("what no submission alone is to blame for is thrown, as is the reason of a signal", async () => {
  await using server = await startContractServer({
    answer: () => ({ status: 401, body: failed("unauthenticated") }),
  });
  await expect(connect(server).submitJobs([named("a")])).rejects.toMatchObject({ code: "unauthenticated" });
  await using deaf = await startContractServer({ answer: () => "cut" });
  const controller = new AbortController();
  const submission = connect(deaf).submitJobs([named("a")], { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(submission).rejects.toThrow("enough");
});
