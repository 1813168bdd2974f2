import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { freshName, startStack } from "./support/stack.ts";

test("a running script and its whole tree are ended, and only the host's evidence makes it cancelled", async () => {
  await using stack = await startStack();
  const script = "trap '' TERM; setsid sleep 1000 & sleep 1000 & echo $! ready; while :; do sleep 0.1; done";
  const run = await stack.client.submitJob({ name: freshName(), script, on: "alpha" });
  for await (const chunk of run.logs()) if (chunk.text.includes("ready")) break;
  // The host tells of the start a moment after the first output.
  await vi.waitFor(async () => expect(await stack.client.getRun(run.id)).toMatchObject({ state: "running" }));
  const requested = await run.cancel();
  expect(requested).toMatchObject({ state: "running", cancelRequestedBy: "tester" });
  expect(requested.sentence).toContain("has not confirmed");
  await expect(stack.client.submitJob({ name: run.job, script: "echo", on: "alpha" })).rejects.toMatchObject({
    code: "job-busy",
  });
  const result = await run.result();
  expect(result).toMatchObject({ state: "cancelled", reason: "cancelled-by", signal: "SIGKILL" });
  expect(result.sentence).toContain("Cancelled by tester");
  expect(await run.cancel()).toMatchObject({ state: "cancelled" });
}, 60_000);

test("a run that no host has is cancelled at once", async () => {
  await using stack = await startStack({ slots: 1 });
  const until = join(stack.directory, "until");
  const first = await stack.client.submitJob({
    name: freshName(),
    script: `while [ ! -e ${until} ]; do sleep 0.01; done`,
    on: "alpha",
  });
  const second = await stack.client.submitJob({ name: freshName(), script: "echo never", on: "alpha" });
  expect(second.view).toMatchObject({ state: "pending", waitingFor: "slot" });
  expect(await second.cancel()).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
  await writeFile(until, "");
  expect(await first.result()).toMatchObject({ state: "completed" });
});

test("a run that waits for a slot starts as soon as one is free", async () => {
  await using stack = await startStack({ slots: 1 });
  const names = [freshName(), freshName(), freshName()];
  const runs = await Promise.all(
    names.map((name) => stack.client.submitJob({ name, script: "echo $JOBS_JOB", on: "alpha" })),
  );
  for (const run of runs) expect(await run.result()).toMatchObject({ state: "completed" });
});

test("an agent that is not there yet gets its run when it comes", async () => {
  await using stack = await startStack({ agents: ["alpha"] });
  await stack.agents[0]?.stop();
  const run = await stack.client.submitJob({ name: freshName(), script: "echo late", on: "alpha" });
  await stack.startAgent("alpha");
  expect(await run.result()).toMatchObject({ state: "completed", exitCode: 0 });
});

test("a script that ends by itself before the signal comes is not called cancelled", async () => {
  await using stack = await startStack();
  const run = await stack.client.submitJob({ name: freshName(), script: "exit 3", on: "alpha" });
  await run.result();
  expect(await run.cancel()).toMatchObject({ state: "failed", reason: "exit", exitCode: 3 });
});

test("exit codes and signals are told apart", async () => {
  await using stack = await startStack();
  const cases = [
    ["exit 0", { state: "completed", reason: "exit", exitCode: 0 }],
    ["exit 9", { state: "failed", reason: "exit", exitCode: 9 }],
    ["exit 137", { state: "failed", reason: "exit", exitCode: 137 }],
    ["kill -9 $$", { state: "failed", reason: "signal", signal: "SIGKILL" }],
    ["kill -SEGV $$", { state: "failed", reason: "signal", signal: "SIGSEGV" }],
  ] as const;
  for (const [script, wanted] of cases) {
    const run = await stack.client.submitJob({ name: freshName(), script, on: "alpha" });
    expect(await run.result()).toMatchObject(wanted);
  }
});

test("a script has a terminal, no input, and what Jobs tells it", async () => {
  await using stack = await startStack();
  const script = '[ -t 1 ] && [ -t 2 ] && ! read -r line && echo "$JOBS_RUN $JOBS_FENCE $GREETING"; pwd > /dev/null';
  const run = await stack.client.submitJob({ name: freshName(), script, on: "alpha", env: { GREETING: "hello" } });
  let text = "";
  for await (const chunk of run.logs()) text += chunk.text;
  expect(text).toMatch(new RegExp(`^${run.id} \\d+:\\d+ hello\r\n$`));
});

test("a script of almost 1 MiB runs, with an interpreter of its own", async () => {
  await using stack = await startStack();
  const script = `#!/usr/bin/env python3\nimport sys\nprint(len(open(sys.argv[0]).read()))\n${"#".repeat(1_000_000)}\n`;
  const run = await stack.client.submitJob({ name: freshName(), script, on: "alpha" });
  let text = "";
  for await (const chunk of run.logs()) text += chunk.text;
  expect(text).toBe(`${script.length}\r\n`);
});
