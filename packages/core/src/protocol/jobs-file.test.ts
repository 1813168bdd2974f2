import { expect, test } from "vitest";
import type { JobsError } from "../errors.ts";
import { parseJobsFile } from "./jobs-file.ts";

const task = { script: "true" };
const night = { id: "night", cron: "30 2 * * *" };

function problemsOf(value: unknown): unknown {
  try {
    parseJobsFile(value);
  } catch (error) {
    const { code, field, details } = error as JobsError;
    const problems = details?.["problems"] as { field: string }[];
    expect([code, field]).toEqual(["invalid-request", problems[0]?.field]);
    return problems.map((one) => one.field);
  }
  return "none";
}

test("jobs are a map by name or a list with names; names are as everywhere", () => {
  const jobs = { " a b ": { task: { scriptFile: "a.sh", on: "web-1" }, schedules: [night] }, c: {} };
  expect(parseJobsFile({ set: "web", jobs })).toEqual({
    set: "web",
    jobs: [
      { name: "a b", path: ["jobs", " a b "], task: { scriptFile: "a.sh", on: "web-1" }, schedules: [night] },
      { name: "c", path: ["jobs", "c"] },
    ],
  });
  const odd = JSON.parse('{"jobs":{"__proto__":{}}}') as unknown;
  expect(parseJobsFile(odd)).toEqual({ jobs: [{ name: "__proto__", path: ["jobs", "__proto__"] }] });
  const policy = { overlap: "queue", retention: { days: 365, runs: null } };
  expect(parseJobsFile({ jobs: [{ name: "a", policy }] })).toEqual({
    jobs: [{ name: "a", path: ["jobs", 0], policy }],
  });
});

test.each<[string, unknown, string[]]>([
  ["nothing", null, ["jobs"]],
  ["no map", ["a"], ["jobs"]],
  ["no jobs", {}, ["jobs"]],
  ["jobs that are none", { jobs: "all" }, ["jobs"]],
  ["an unknown field beside the jobs", { jobs: {}, job: {} }, ["job"]],
  ["a wrong set", { jobs: {}, set: "" }, ["set"]],
  ["a job that is nothing", { jobs: { a: null } }, ["jobs.a"]],
  ["an unknown field of a job", { jobs: { a: { taks: task } } }, ["jobs.a.taks"]],
  ["an unknown field of a task", { jobs: { a: { task: { ...task, envv: {} } } } }, ["jobs.a.task.envv"]],
  ["two scripts", { jobs: { a: { task: { ...task, scriptFile: "a.sh" } } } }, ["jobs.a.task"]],
  ["no script", { jobs: { a: { task: { on: "web-1" } } } }, ["jobs.a.task"]],
  ["a number as a variable", { jobs: { a: { task: { ...task, env: { LEVEL: 1 } } } } }, ["jobs.a.task.env.LEVEL"]],
  [
    "a wrong cron",
    { jobs: { "a b": { task, schedules: [night, { id: "x", cron: 5 }] } } },
    ["jobs.a b.schedules[1].cron"],
  ],
  ["a wrong policy", { jobs: [{ name: "a", policy: { overlap: "never" } }] }, ["jobs[0].policy.overlap"]],
  ["a wrong retention", { jobs: { a: { policy: { retention: { days: 0 } } } } }, ["jobs.a.policy.retention.days"]],
  ["a list without names", { jobs: [{ task }] }, ["jobs[0].name"]],
  ["an empty name", { jobs: { " ": { task } } }, ["jobs. "]],
  ["two jobs with one name", { jobs: [{ name: "a" }, { name: "b" }, { name: "a" }] }, ["jobs[2]"]],
  ["two names that are one", { jobs: { a: {}, "a ": {} } }, ["jobs.a "]],
  [
    "all of it",
    { jobs: { a: { task: { script: 5 } }, b: { x: 1, y: 2 } } },
    ["jobs.a.task.script", "jobs.b.x", "jobs.b.y"],
  ],
])("a file with %s is refused, and says where", (_, value, fields) => {
  expect(problemsOf(value)).toEqual(fields);
});

test("what a field may be is said in the words of a submission", () => {
  const parameters = [{ name: "A", type: "date" }];
  const value = { jobs: { a: { policy: { overlap: "never" }, task: { ...task, parameters } } } };
  const problems = [
    { message: "jobs.a.task.parameters[0].type: it is one of text, number, choice, flag" },
    { message: "jobs.a.policy.overlap: it is one of reject, queue, queue-latest, replace, allow" },
  ].map((one) => expect.objectContaining(one) as unknown);
  expect(() => parseJobsFile(value)).toThrow(expect.objectContaining({ details: { problems } }) as Error);
});
