import { readFile } from "node:fs/promises";
import type { JobSummary, JobView, RunView } from "@jobs/sdk";
import { startContractServer, viewOf, type Answer, type Request } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { durationMsOf } from "./duration.ts";
import { runCommand } from "./testing/run-command.ts";
import { instantText } from "./view-text.ts";

const held = viewOf({ state: "pending", waitingFor: "held", heldBy: "ada", place: 2, sentence: "Held by ada." });
const deadlineAt = "2026-11-23T11:00:00.000Z";
const stuck = viewOf({ next: { owner: "operator", deadlineAt, advice: "Look at web-1." } });
const paused = { at: "2026-11-23T10:00:00.000Z", by: "ada", note: "upgrade" };
const job: JobView = {
  job: "nightly",
  policy: { overlap: "queue", lostAfterMs: null, retention: { days: null, runs: 3 } },
  paused,
  runs: [held],
};

/** 1,500 jobs. */
function pageOf(query: URLSearchParams): JobSummary[] {
  const names = Array.from({ length: 1_500 }, (_, index) => `job ${String(index).padStart(4, "0")}`);
  const rest = names.filter((name) => name > (query.get("after") ?? ""));
  const next = [{ schedule: "night", at: deadlineAt, dueAt: deadlineAt, wall: deadlineAt }];
  return rest
    .slice(0, Number(query.get("limit")))
    .map((name) => ({ job: name, paused, schedules: 1, next, liveRuns: 2 }));
}

function answer({ method, path, query }: Request): Answer {
  const run = `/v1/runs/${held.run}`;
  if (path === run) return { body: held };
  if (method === "POST" && path === `${run}/rerun`) return { status: 201, body: { run: held, known: false } };
  if (method === "POST" && path.startsWith(`${run}/`)) return { body: held };
  if (path === "/v1/jobs") return { body: { jobs: pageOf(query) } };
  if (method === "DELETE") return { body: { job: "nightly", history: query.get("history") } };
  if (path === "/v1/overdue") return { body: { runs: [stuck] } };
  if (path === "/v1/audit")
    return { body: { entries: [{ v: 1, at: paused.at, by: "ada", action: "pause", job: "nightly" }] } };
  if (path.startsWith("/v1/job")) return { body: job };
  if (path === "/v1/pause") return { body: { paused } };
  if (path === "/v1/resume") return { body: {} };
  return { status: 404, body: { error: { code: "run-unknown", message: "There is no such run." } } };
}

async function startServer() {
  const server = await startContractServer({ answer });
  const posted = (): unknown => {
    const last = server.requests.findLast(({ method }) => method === "POST");
    return last === undefined ? undefined : [last.path, last.body];
  };
  return Object.assign(server, { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token }, posted });
}

test.each(["hold", "release"])("%s says where that led", async (action) => {
  await using server = await startServer();
  expect(await runCommand([action, held.run], server)).toMatchObject({ exitCode: 0, stdout: "Held by ada.\n" });
  expect(server.posted()).toEqual([`/v1/runs/${held.run}/${action}`, undefined]);
});

test.each(["hold", "release", "cancel"])("%s of a run that has ended says that nothing was done", async (action) => {
  const times = { ...held.times, endedAt: "2026-11-23T10:01:00.000Z" };
  const ended = viewOf({ state: "completed", sentence: "Completed on web-1.", times });
  await using server = await startContractServer({ answer: () => ({ body: ended }) });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const note = "jobs: The run has ended already: nothing was done.\n";
  const done = await runCommand([action, ended.run], { env });
  expect(done).toMatchObject({ exitCode: 0, stdout: `${ended.sentence}\n`, stderr: note });
});

test("a run that a cancel ends at once had not ended already", async () => {
  const times = { ...held.times, endedAt: "2026-11-23T10:01:00.000Z" };
  const cancelled = viewOf({ state: "cancelled", sentence: "Cancelled by ada.", times });
  await using server = await startContractServer({
    answer: ({ method }) => ({ body: method === "POST" ? cancelled : held }),
  });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const done = await runCommand(["cancel", held.run], { env });
  expect(done).toMatchObject({ exitCode: 0, stdout: "Cancelled by ada.\n", stderr: "" });
});

test("resolve sends the note", async () => {
  await using server = await startServer();
  await runCommand(["resolve", held.run, "--note", "host burnt down"], server);
  expect(server.posted()).toMatchObject([`/v1/runs/${held.run}/resolve`, { note: "host burnt down" }]);
});

test("rerun prints the new run's id, and sends only what is to change, with a key", async () => {
  await using server = await startServer();
  const done = await runCommand(["rerun", held.run, "--on", "web-2", "--overlap", "replace"], server);
  expect(done).toMatchObject({ exitCode: 0, stdout: `${held.run}\n` });
  expect(server.posted()).toEqual([
    `/v1/runs/${held.run}/rerun`,
    { on: "web-2", overlap: "replace", key: expect.any(String) as string },
  ]);
});

test("rerun takes other limits for the same hosts, or another target with its own", async () => {
  await using server = await startServer();
  const key = expect.any(String) as string;
  for (const [args, sent] of [
    [["--failed-hosts", "--at-once", "10%"], { onlyFailed: true, atOnce: "10%" }],
    [["--max-failed", "3"], { maxFailed: 3 }],
    [["--on-all", "db", "--at-once", "2"], { on: { all: "db", atOnce: 2 } }],
  ] as const) {
    expect(await runCommand(["rerun", held.run, ...args], server)).toMatchObject({ exitCode: 0 });
    expect(server.posted()).toEqual([`/v1/runs/${held.run}/rerun`, { ...sent, key }]);
  }
});

test("rerun takes another script, environment and interpreter", async () => {
  await using server = await startServer();
  const rerun = async (args: readonly string[], stdin?: string): Promise<unknown> => {
    const options = { ...server, ...(stdin === undefined ? {} : { stdin }) };
    expect(await runCommand(["rerun", held.run, ...args], options)).toMatchObject({ exitCode: 0 });
    return (server.posted() as [string, unknown])[1];
  };
  const key = expect.any(String) as string;
  const changed = await rerun(["-c", "echo $A", "-e", "A=1", "--env", "B=x=y", "--interpreter", "sh -e"]);
  expect(changed).toEqual({ script: "echo $A", env: { A: "1", B: "x=y" }, interpreter: ["sh", "-e"], key });
  expect(await rerun(["--script", "-"], "echo in")).toEqual({ script: "echo in", key });
  const { filename } = import.meta;
  expect(await rerun(["--script", filename])).toEqual({ script: await readFile(filename, "utf8"), key });
});

test("rerun refuses two scripts, one that is not there and what is no environment, and submits nothing", async () => {
  await using server = await startServer();
  for (const [args, exitCode] of [
    [["-c", "true", "--script", "-"], 64],
    [["--script", "/nowhere/x.sh"], 64],
    [["-e", "A"], 64],
    [["--prefer", "zone=eu"], 64],
    [["--on", "web-1", "--at-once", "1"], 64],
  ] as const)
    expect(await runCommand(["rerun", held.run, ...args], server)).toMatchObject({ exitCode });
  expect(server.posted()).toBeUndefined();
});

test("the help of rerun says that --env replaces the whole environment", async () => {
  expect((await runCommand(["rerun", "--help"])).stdout.replaceAll(/\s+/g, " ")).toContain(
    "may be repeated, of one name the last counts; replaces all of it",
  );
});

test("pause and resume take a job or --all, and one of them", async () => {
  await using server = await startServer();
  const done = await runCommand(["pause", "nightly", "--note", "upgrade"], server);
  expect(done.stdout).toContain("nightly is paused by ada");
  expect(server.posted()).toEqual(["/v1/job/pause", { name: "nightly", note: "upgrade" }]);
  expect((await runCommand(["pause", "--all"], server)).stdout).toContain("Everything is paused by ada");
  expect((await runCommand(["resume", "--all"], server)).exitCode).toBe(0);
  expect(server.posted()).toEqual(["/v1/resume", undefined]);
  expect(await runCommand(["pause"], server)).toMatchObject({ exitCode: 64 });
  expect(await runCommand(["resume", "nightly", "--all"], server)).toMatchObject({ exitCode: 64 });
});

test("job shows policy, pause and line; with options it sets the policy as a whole", async () => {
  await using server = await startServer();
  const shown = await runCommand(["job", "nightly"], server);
  for (const text of [
    "overlap queue, lostAfterMs never, retention all days, 3 runs",
    "by ada: upgrade",
    held.run,
    "Held by ada.",
  ])
    expect(shown.stdout).toContain(text);
  expect(server.posted()).toBeUndefined();
  const options = ["--overlap", "queue", "--queue-limit", "5", "--wait-at-most", "2h", "--lost-after", "never"];
  await runCommand(["job", "nightly", ...options, "--on-lost", "hold", "--grace", "500ms"], server);
  expect(server.posted()).toEqual([
    "/v1/job",
    {
      name: "nightly",
      policy: {
        overlap: "queue",
        queueLimit: 5,
        waitAtMostMs: 7_200_000,
        lostAfterMs: null,
        graceMs: 500,
        onLost: "hold",
      },
    },
  ]);
  await runCommand(["job", "nightly", "--defaults"], server);
  expect(server.posted()).toEqual(["/v1/job", { name: "nightly", policy: {} }]);
});

test("job list has all jobs, however many pages they are, or as many as asked for", async () => {
  await using server = await startServer();
  const all = await runCommand(["job", "list"], server);
  expect(all.stdout.trimEnd().split("\n")).toHaveLength(1_501);
  for (const text of ["job 1499", "by ada", "(night)"]) expect(all.stdout).toContain(text);
  const some = await runCommand(["job", "list", "--limit", "1200", "--after", "job 0009", "--json"], server);
  const { jobs } = JSON.parse(some.stdout) as { jobs: JobSummary[] };
  expect([jobs.length, jobs[0]?.job, jobs.at(-1)?.job]).toEqual([1_200, "job 0010", "job 1209"]);
  expect(await runCommand(["job", "list", "--limit", "0"], server)).toMatchObject({ exitCode: 64 });
});

test("job delete keeps the history unless it is told otherwise", async () => {
  await using server = await startServer();
  expect((await runCommand(["job", "delete", "a/b"], server)).stdout).toContain("its history kept");
  const last = () => server.requests.at(-1);
  expect([last()?.method, last()?.path, last()?.query.get("history")]).toEqual(["DELETE", "/v1/jobs/a%2Fb", "keep"]);
  const done = await runCommand(["job", "delete", "..", "--history", "--json"], server);
  expect(JSON.parse(done.stdout)).toEqual({ job: "..", history: "delete" });
  expect([last()?.path, last()?.query.get("history")]).toEqual(["/v1/jobs/%20..", "delete"]);
  expect(await runCommand(["job", "delete", " "], server)).toMatchObject({ exitCode: 64 });
});

test("a job whose name is a command's is shown by the command show", async () => {
  await using server = await startServer();
  await runCommand(["job", "show", "list"], server);
  expect(server.requests.at(-1)).toMatchObject({ path: "/v1/job" });
  expect(server.requests.at(-1)?.query.get("name")).toBe("list");
});

test("overdue and audit are tables for people and one document for programs", async () => {
  await using server = await startServer();
  const overdue = await runCommand(["overdue"], server);
  for (const text of [stuck.run, "operator", "Look at web-1."]) expect(overdue.stdout).toContain(text);
  expect(JSON.parse((await runCommand(["overdue", "--json"], server)).stdout)).toEqual({ runs: [stuck] });
  const audit = await runCommand(["audit", "--limit", "5"], server);
  for (const text of ["ada", "pause", "nightly"]) expect(audit.stdout).toContain(text);
  expect(server.requests.at(-1)?.query.get("limit")).toBe("5");
  expect(await runCommand(["audit", "--limit", "many"], server)).toMatchObject({ exitCode: 64 });
});

test("status shows place, hold and what it is behind", async () => {
  await using server = await startServer();
  const { stdout } = await runCommand(["status", held.run], server);
  expect(stdout).toMatch(/place in line\s+2/);
  expect(stdout).toMatch(/held by\s+ada/);
});

test("status shows the chain that a run is in, its time, and the slots that it stands for", async () => {
  const times = { submittedAt: "2026-11-23T10:00:00.000Z", dueAt: "2026-11-24T01:30:00.000Z" };
  const slot = { schedule: "night", at: "2026-11-24T01:30:00.000Z", until: "2026-11-27T01:30:00.000Z", count: 4 };
  const runs = [
    { job: "backup", run: "backup0000001", state: "running" } as const,
    { job: "check", run: "check00000001" },
  ];
  const after = { runs, on: "failed", otherwise: "run" } as const;
  const dependents = [{ job: "report", run: "report0000001" }];
  const chained = viewOf({ times, after, dependents, slot });
  const status = async (view: RunView) => {
    await using server = await startContractServer({ answer: () => ({ body: view }) });
    const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
    const { stdout } = await runCommand(["status", view.run], { env });
    return stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, ": ").trim());
  };
  const all = await status(chained);
  const [due, last] = [times.dueAt, slot.until].map((instant) => instantText(instant));
  expect(all).toEqual(
    expect.arrayContaining([
      "after: backup0000001 of backup, running",
      "after: check00000001 of check",
      "after on: failed, otherwise run",
      "dependent: report0000001 of report",
      `due: ${due}`,
      `slot of: night: 4 slots, ${due} to ${last}`,
    ]),
  );
  expect(await status(viewOf({ slot: { schedule: "night", at: slot.at } }))).toContain(`slot of: night: ${due}`);
  const plain = await status(viewOf({ times: { ...times, dueAt: times.submittedAt } }));
  expect(plain.join("\n")).not.toMatch(/^(after|dependent|due|slot)/m);
  // One that never ran has no duration.
  const skipped = await status(viewOf({ state: "skipped", times: { ...times, endedAt: times.dueAt } }));
  expect(skipped).toContain(`ended: ${due}`);
});

test("a time is a number and a unit", () => {
  expect(["500ms", "30s", "5m", "2h", "1d"].map((text) => durationMsOf(text, "x"))).toEqual([
    500, 30_000, 300_000, 7_200_000, 86_400_000,
  ]);
  for (const text of ["", "5", "m", "-1s", "1.5h", "1w", "5 m", "36501d", "99999999999999999999ms"])
    expect(() => durationMsOf(text, "graceMs")).toThrow(
      expect.objectContaining({ code: "invalid-request", field: "graceMs" }) as Error,
    );
});

test("a job that its server leaves alone is marked in the list", async () => {
  const left = { job: "nightly", schedules: 1, next: [], liveRuns: 0, unreadable: "Upgrade it." };
  await using server = await startContractServer({ answer: () => ({ body: { jobs: [left] } }) });
  const { stdout } = await runCommand(["job", "list"], { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token } });
  expect(stdout).toMatch(/nightly.*left alone: see jobs job NAME/);
});
