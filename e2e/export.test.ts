/** Jobs as files that apply finds unchanged. */
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

test("what is exported is found unchanged, whatever there is in it", async () => {
  const name = freshName();
  const set = freshName("set");
  const folder = await folderWith(stack, {});
  await stack.client.applyJobs(
    {
      [`${name} a`]: {
        task: {
          script: "#!/usr/bin/env python3\nprint('a: \"b\" # c')\n\n",
          on: "alpha",
          env: { TEXT: "yes", MORE: "one\n two \n", EMPTY: "" },
          parameters: [{ name: "N", type: "number", min: 1, required: true, default: 2, description: "How many." }],
        },
        schedules: [
          { id: "night", cron: "0 30 2 * * mon-fri", zone: "Europe/Berlin", gap: "skip", fold: "both", jitterMs: 5 },
          { id: "once", at: "2199-01-01T00:00:00Z", catchUp: { mode: "all" }, paused: true },
          {
            id: "often",
            every: { ms: 60_000 },
            blackouts: [{ cron: "@daily", forMs: 3_600_000 }],
            start: "2190-01-01T00:00:00Z",
          },
        ],
        policy: { overlap: "queue", lostAfterMs: null, retry: { count: 2, on: { exitCodes: [7] } } },
      },
      [`${name} b`]: { task: { script: "exit 0", interpreter: ["sh", "-e"], on: "alpha" } },
      [`${name} c`]: { policy: { queueLimit: 3 } },
    },
    { set },
  );
  await stack.client.saveJob(`${name} hand`, { task: { script: "true", on: "alpha" } });
  const names = ["a", "b", "c", "hand"].map((end) => `${name} ${end}`);
  const audited = await auditEntries(stack);
  const { exitCode, stdout } = await folder.jobs(["export", ...names]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`set: ${set}\n`);
  expect(await folder.jobs(["apply", "-f", "-", "--prune"], stdout)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("0 added, 0 changed, 4 unchanged, 0 pruned.") as string,
  });
  expect(await folder.jobs(["export", "--set", set, "-o", "jobs.yaml"])).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr: "3 jobs are in jobs.yaml.\n",
  });
  expect((await folder.apply("--dry-run")).stdout).toContain("3 unchanged");
  const json = await folder.jobs(["export", `${name} b`, "--json"]);
  expect(await folder.jobs(["apply", "-f", "-", "--dry-run"], json.stdout)).toMatchObject({
    stdout: expect.stringContaining("1 unchanged") as string,
  });
  expect(await auditEntries(stack)).toBe(audited);
  // Somewhere else it makes the same jobs.
  for (const one of names.slice(0, 3)) await stack.client.deleteJob(one);
  expect((await folder.apply()).stdout).toContain("3 added");
  expect((await folder.jobs(["export", ...names])).stdout).toBe(stdout);
}, 60_000);

test("an export of jobs of several sets, of one that there is not, or to nowhere is refused", async () => {
  const name = freshName();
  const said = { task: { script: "true", on: "alpha" } };
  for (const end of ["a", "b"]) await stack.client.applyJobs({ [`${name} ${end}`]: said }, { set: `${name} ${end}` });
  const folder = await folderWith(stack, {});
  const refused = async (...args: string[]): Promise<unknown> => {
    const { exitCode, stderr, stdout } = await folder.jobs(["export", ...args, "--json"]);
    expect(stdout).toBe("");
    return { exitCode, ...(JSON.parse(stderr) as { error: object }).error };
  };
  expect(await refused()).toMatchObject({ exitCode: 64, code: "invalid-request", field: "set" });
  expect(await refused(`${name} c`)).toMatchObject({ exitCode: 66, code: "job-unknown", field: "name" });
  expect(await refused(`${name} a`, "-o", "no/where.yaml")).toMatchObject({ exitCode: 64, field: "output" });
  const run = await stack.client.submitJob({ name: `${name} d`, ...said.task });
  await run.result();
  expect(await refused(`${name} d`)).toMatchObject({ exitCode: 66, code: "job-unknown" });
});
