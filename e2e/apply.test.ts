/** Jobs as files say them: applied, changed, pruned; what is wrong is refused as a whole. */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auditEntries, folderWith } from "./support/files.ts";
import { freshName, startStack, type Stack } from "./support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slots: 4 });
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

test("a file is applied: diff first, once; changes, prune on request, and never what was made by hand", async () => {
  const name = freshName();
  const set = freshName("set");
  const text = `
set: ${set}
jobs:
  ${name} a:
    task: { scriptFile: scripts/a.sh, on: alpha, env: { LEVEL: info } }
    schedules:
      - { id: night, cron: "30 2 * * *", zone: Europe/Berlin }
    policy: { overlap: queue }
  ${name} b:
    task:
      script: |
        echo one
        echo two
      parameters:
        - { name: REGION, type: choice, values: [eu, us], default: eu }
`;
  const folder = await folderWith(stack, { "jobs.yaml": text });
  await mkdir(join(folder.path, "scripts"));
  await folder.write("scripts/a.sh", "#!/bin/sh\necho a\n");
  await stack.client.saveJob(`${name} hand`, { task: { script: "true", on: "alpha" } });
  const audited = await auditEntries(stack);

  const dry = await folder.apply("--dry-run");
  expect(dry).toMatchObject({ exitCode: 0, stderr: "" });
  for (const part of [`${name} a: added`, "schedules.night.cron: 30 2 * * *", "0 changed", "--dry-run"])
    expect(dry.stdout).toContain(part);
  await expect(stack.client.getJob(`${name} a`)).rejects.toMatchObject({ code: "job-unknown" });
  expect(await auditEntries(stack)).toBe(audited);

  expect(await folder.apply()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("2 added") as string });
  expect(await stack.client.getJob(`${name} a`)).toMatchObject({
    appliedFrom: set,
    policy: { overlap: "queue" },
    task: { script: "#!/bin/sh\necho a\n", interpreter: ["/bin/sh"], env: { LEVEL: "info" } },
    schedules: [{ schedule: { id: "night", cron: "30 2 * * *", zone: "Europe/Berlin" } }],
  });
  const run = await stack.client.runJob(`${name} b`, { parameters: { REGION: "us" } });
  expect(await run.result()).toMatchObject({ state: "completed" });
  expect(await auditEntries(stack)).toBe(audited + 2);

  const again = await folder.apply();
  expect(again.stdout).toContain("0 added, 0 changed, 2 unchanged, 0 kept.");
  expect(await auditEntries(stack)).toBe(audited + 2);

  await folder.write("scripts/a.sh", "#!/bin/sh\necho b\n");
  await folder.write("jobs.yaml", text.replace("overlap: queue", "overlap: reject").replace(/ {2}\S+ \S+ b:[^]*/, ""));
  const changed = await folder.apply();
  for (const part of ["policy.overlap: queue → reject", "- echo a", "+ echo b", `${name} b: not in the file`, "1 kept"])
    expect(changed.stdout).toContain(part);
  expect((await stack.client.getJob(`${name} b`)).task).toBeDefined();

  const live = await stack.client.submitJob({ name: `${name} b`, script: "sleep 60", on: "alpha" });
  const busy = await folder.apply("--prune");
  expect(busy).toMatchObject({ exitCode: 75, stderr: expect.stringContaining(live.id) as string });
  await live.cancel();
  await live.result();
  const pruned = await folder.apply("--prune", "--json");
  expect(JSON.parse(pruned.stdout)).toEqual({
    set,
    dryRun: false,
    jobs: [
      { job: `${name} a`, kind: "unchanged", fields: [] },
      { job: `${name} b`, kind: "pruned", fields: [] },
    ],
  });
  expect((await stack.client.listJobs({ after: `${name} `, limit: 2 })).map(({ job }) => job)).toEqual([
    `${name} a`,
    `${name} hand`,
  ]);
  // Another set has nothing of this one to prune.
  const other = await folder.jobs(["apply", "-f", "-", "--set", `${set} 2`, "--prune"], "jobs: {}");
  expect(other).toMatchObject({ exitCode: 0, stdout: "0 added, 0 changed, 0 unchanged, 0 pruned.\n" });
  expect((await stack.client.listJobs({ appliedFrom: set })).map(({ job }) => job)).toEqual([`${name} a`]);
}, 60_000);

test("a job that was made by hand is of the set once the file changes it; one of another set changes hands visibly", async () => {
  const name = freshName();
  const said = { task: { script: "true", on: "alpha" } };
  await stack.client.saveJob(name, said);
  const set = freshName("set");
  expect(await stack.client.applyJobs({ [name]: said }, { set })).toEqual([
    { job: name, kind: "unchanged", fields: [] },
  ]);
  expect(await stack.client.applyJobs({}, { set, prune: true })).toEqual([]);
  const more = { ...said, policy: { queueLimit: 5 } };
  expect(await stack.client.applyJobs({ [name]: more }, { set })).toMatchObject([
    {
      kind: "changed",
      fields: [
        { field: "set", after: set },
        { field: "policy.queueLimit", after: 5 },
      ],
    },
  ]);
  const other = freshName("set");
  expect(await stack.client.applyJobs({ [name]: more }, { set: other })).toEqual([
    { job: name, kind: "changed", fields: [{ field: "set", before: set, after: other }] },
  ]);
  expect(await stack.client.applyJobs({}, { set, prune: true })).toEqual([]);
  expect(await stack.client.applyJobs({}, { set: other, prune: true })).toMatchObject([{ job: name, kind: "pruned" }]);
  await expect(stack.client.getJob(name)).rejects.toMatchObject({ code: "job-unknown" });
});

const OK = `{ task: { script: "true", on: alpha } }`;
/** What is wrong, where it is and what is said. */
const WRONG: readonly [string, { text: string; field?: string; code?: string; line?: number; message?: string }][] = [
  ["not YAML", { text: "jobs: [", field: "file", message: ":1:8: " }],
  ["nothing", { text: "", field: "jobs" }],
  ["two documents", { text: `jobs: {}\n---\njobs: {}`, field: "file" }],
  ["a tag that nobody knows", { text: `jobs: { a: !secret x }`, field: "file" }],
  ["a name that comes twice", { text: `jobs:\n  a: ${OK}\n  a: ${OK}`, field: "file", message: ":3:3: " }],
  ["two jobs with one name", { text: `jobs:\n  - { name: a }\n  - { name: a }`, field: "jobs[1]", line: 3 }],
  ["an unknown field", { text: `jobs:\n  ok: ${OK}\n  b:\n    taks: {}`, field: "jobs.b.taks", line: 4 }],
  [
    "a cron that is none",
    {
      text: `jobs:\n  ok: ${OK}\n  b:\n    task: { script: "true", on: alpha }\n    schedules:\n      - id: x\n        cron: 61 * * * *`,
      field: "jobs.b.schedules[0].cron",
      line: 7,
    },
  ],
  [
    "the same in a list",
    {
      text: `jobs:\n  - { name: ok }\n  - name: b\n    task: { script: "true", on: alpha }\n    schedules: [{ id: x, cron: "@never" }]`,
      field: "jobs.b.schedules[0].cron",
      line: 5,
    },
  ],
  [
    "a script file that is not there",
    {
      text: `jobs:\n  ok: ${OK}\n  b: { task: { scriptFile: none.sh } }`,
      field: "jobs.b.task.scriptFile",
      code: "script-missing",
      line: 3,
    },
  ],
  [
    "a script that no shell reads",
    {
      text: `jobs:\n  ok: ${OK}\n  b:\n    task:\n      on: alpha\n      script: if`,
      field: "jobs.b.task.script",
      code: "script-syntax",
      line: 6,
    },
  ],
  [
    "an agent that there is not",
    {
      text: `jobs:\n  ok: ${OK}\n  b:\n    task: { script: "true", on: nowhere }`,
      field: "jobs.b.task.on",
      code: "agent-unknown",
      line: 4,
    },
  ],
  [
    "a schedule without a task",
    { text: `jobs:\n  ok: ${OK}\n  b:\n    schedules: [{ id: x, cron: "@daily" }]`, field: "jobs.b.task", line: 3 },
  ],
  [
    "a default that may not be",
    {
      text: `jobs:\n  ok: ${OK}\n  b: { task: { script: "true", on: alpha, parameters: [{ name: N, type: number, max: 1, default: 2 }] } }`,
      field: "jobs.b.task.parameters[0].default",
      line: 3,
    },
  ],
  [
    "a policy under which healthy scripts would end",
    {
      text: `jobs:\n  ok: ${OK}\n  b:\n    policy: { lostAfterMs: 180000, graceMs: 120000 }`,
      field: "jobs.b.policy.graceMs",
      line: 4,
    },
  ],
];

test.each(WRONG)("a file with %s is refused with its place, and nothing of it is stored", async (_, wrong) => {
  const folder = await folderWith(stack, { "jobs.yaml": wrong.text });
  const audited = await auditEntries(stack);
  const { exitCode, stderr, stdout } = await folder.apply("--json");
  const { error } = JSON.parse(stderr) as { error: { code: string; field?: string; message: string } };
  const { code = "invalid-request", field, line, message = line === undefined ? "" : `jobs.yaml:${line}: ` } = wrong;
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
  expect([error.field, stdout]).toEqual([field, ""]);
  expect(exitCode).toBeGreaterThan(0);
  expect(await auditEntries(stack)).toBe(audited);
  for (const job of ["ok", "a", "b"])
    await expect(stack.client.getJob(job)).rejects.toMatchObject({ code: "job-unknown" });
});

test("all that is wrong with a file is said at once", async () => {
  const folder = await folderWith(stack, {
    "jobs.yaml": `jobs:\n  a: { task: { script: if, on: alpha } }\n  b: ${OK}\n  c: { task: { script: "true", on: nowhere } }`,
  });
  const { exitCode, stderr } = await folder.apply();
  expect(exitCode).toBe(65);
  expect(stderr).toMatch(/^jobs\.yaml:4: jobs\.c\.task\.on: .*\njobs: jobs\.yaml:2: jobs\.a\.task\.script: /);
});

test("a long script is stored by its hash only when it is applied", async () => {
  const name = freshName();
  const script = `true\n#${" filler".repeat(3_000)}\n`;
  const said = { [name]: { task: { script, on: "alpha" } } };
  const stored = (): Promise<string> => readFile(join(stack.directory, "artifacts", "payloads"), "utf8");
  expect(await stack.client.applyJobs(said, { dryRun: true })).toMatchObject([{ kind: "added" }]);
  await expect(stored()).rejects.toMatchObject({ code: "ENOENT" });
  await stack.client.applyJobs(said);
  await expect(stored()).rejects.toMatchObject({ code: "EISDIR" });
  expect((await stack.client.getJob(name)).task?.script).toBe(script);
  expect(await stack.client.applyJobs(said)).toMatchObject([{ kind: "unchanged" }]);
});
