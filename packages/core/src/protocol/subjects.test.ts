import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normaliseJobName } from "../domain/job-name.ts";
import { decodeJob, encodeJob, parseAgentSubject, parseJobsSubject, subjects } from "./subjects.ts";

const PICKED = [
  "a",
  "a b",
  "a/b",
  "a.b",
  ".",
  "..",
  "*",
  ">",
  "a.>",
  "_mark",
  "__",
  "a_b",
  "=",
  "=41",
  "A",
  "%41",
  "$KV",
  "ä",
  "ä".normalize("NFD"),
  "🦊",
  "e\u0301",
  "\u0000",
  "名前",
  "-",
  "x".repeat(128),
];

/** Names as they come out of normalisation, with those that could be taken for something else often among them. */
const name = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 128 }),
    fc.string({ unit: fc.constantFrom(..."=_.*> %4159AFaf-".split("")), minLength: 1, maxLength: 12 }),
    fc.constantFrom(...PICKED),
  )
  .map(normaliseJobName)
  .filter((one) => one !== "");

const address = { agent: "agent-a", run: "run00001", attempt: 12 };

describe("a job's name as a token", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(name, (one) => decodeJob(encodeJob(one)) === one),
      { numRuns: 2_000 },
    );
    for (const one of PICKED) expect(decodeJob(encodeJob(one))).toBe(one);
  });

  test("differs for different names", () => {
    fc.assert(
      fc.property(name, name, (one, other) => (encodeJob(one) === encodeJob(other)) === (one === other)),
      { numRuns: 2_000 },
    );
    expect(new Set(PICKED.map(encodeJob)).size).toBe(PICKED.length);
  });

  test("has nothing that means something in a subject, and does not begin with the server's own mark", () => {
    fc.assert(
      fc.property(name, (one) => /^[A-Za-z0-9=-][A-Za-z0-9_=-]*$/.test(encodeJob(one))),
      { numRuns: 2_000 },
    );
  });

  test("stays readable for plain names", () => {
    expect(encodeJob("nightly-backup_2")).toBe("nightly-backup_2");
    expect(encodeJob("_mark")).toBe("=5Fmark");
    expect(encodeJob("a b.c")).toBe("a=20b=2Ec");
  });

  test("is short enough for a subject at its longest", () => {
    expect(subjects.jobs.run("🦊".repeat(128), "r".repeat(40)).length).toBeLessThan(2_000);
  });
});

describe("a subject of the bucket jobs", () => {
  test("says of which run of which job it is", () => {
    fc.assert(
      fc.property(name, (job) => {
        expect(parseJobsSubject(subjects.jobs.run(job, "run00001"))).toEqual({ kind: "run", job, run: "run00001" });
        expect(subjects.jobs.run(job, "run00001").startsWith(subjects.jobs.guard(job).slice(0, -1))).toBe(true);
      }),
    );
    expect(parseJobsSubject("$KV.jobs.a.def")).toEqual({ kind: "definition", job: "a" });
    expect(parseJobsSubject("$KV.jobs.a.run.r.3")).toEqual({ kind: "attempt", job: "a", run: "r", attempt: 3 });
    expect(parseJobsSubject(subjects.jobs.mark("server-1"))).toEqual({ kind: "mark", server: "server-1" });
  });

  test.each([
    "$KV.agents.a",
    "$KV.jobs.",
    "$KV.jobs.a",
    "$KV.jobs.a.other",
    "$KV.jobs.a.run",
    "$KV.jobs.a.run.r.1.x",
    "$KV.jobs._other.run.r",
    "$KV.jobs..run.r",
    "$KV.jobs._mark",
    "jobs.a.run.r",
  ])("is not %s", (subject) => expect(parseJobsSubject(subject)).toBeUndefined());

  test.each(["=FF", "=41", "=2e", "a%41", "a=", "ä", "a=2"])("has no job %s, which no name is encoded to", (token) => {
    expect(parseJobsSubject(`$KV.jobs.${token}.run.r`)).toBeUndefined();
  });
});

describe("a subject of an agent", () => {
  test("says what of which agent it is, and is one that the agent may publish", () => {
    const { agent } = subjects;
    expect(parseAgentSubject(agent.beat("agent-a"))).toEqual({ kind: "beat", agent: "agent-a" });
    expect(parseAgentSubject(agent.host("agent-a"))).toEqual({ kind: "host", agent: "agent-a" });
    expect(parseAgentSubject(agent.evidence(address))).toEqual({ kind: "evt", ...address });
    expect(parseAgentSubject(agent.log(address))).toEqual({ kind: "log", ...address });
    const all = agent.all("agent-a").slice(0, -1);
    for (const one of [agent.beat("agent-a"), agent.host("agent-a"), agent.evidence(address), agent.log(address)])
      expect(one.startsWith(all)).toBe(true);
  });

  test.each([
    "agt.a",
    "agt.a.beat.x",
    "agt.a.evt",
    "agt.a.evt.r",
    "agt.a.evt.r.1.x",
    "agt.a.other.r.1",
    "inbox.a.r.1.start",
    "srv.lease",
  ])("is not %s", (subject) => {
    expect(parseAgentSubject(subject)).toBeUndefined();
  });
});

test("what clears an attempt's messages covers its kinds and no other attempt's", () => {
  const filter = subjects.inbox.attempt(address).slice(0, -1);
  for (const kind of ["start", "cancel", "report", "release"] as const) {
    expect(subjects.inbox.message(address, kind).startsWith(filter)).toBe(true);
    expect(subjects.inbox.message({ ...address, attempt: 120 }, kind).startsWith(filter)).toBe(false);
    expect(subjects.inbox.message(address, kind).startsWith(subjects.inbox.of("agent-a").slice(0, -1))).toBe(true);
  }
});
