/** Runs that are tried again when they fail, and the limits of time that end an attempt. */
import type { JobsClient, LogOptions, RunHandle } from "@jobs/sdk";
import { expect, test } from "vitest";
import { runCli, type CliOutcome } from "./support/cli.ts";
import { freshName, startStack, type Stack } from "./support/stack.ts";

async function textOf(run: RunHandle, options?: LogOptions): Promise<string> {
  let text = "";
  for await (const chunk of run.logs(options)) text += chunk.text;
  return text.trim();
}

/** Fails with code 75 so many times, by a file that it keeps; says when it began and which try it is. */
function failing(stack: Stack, times: number): string {
  const file = `${stack.directory}/tries-${freshName("x").slice(-8)}`;
  return `echo x >> ${file}; tries=$(wc -l < ${file}); date +%s%3N; echo "try $tries, attempt $JOBS_ATTEMPT_NUMBER"
echo "of $tries" > $JOBS_OUTPUT/try-$tries; [ $tries -gt ${times} ] || exit 75`;
}

const soon = (count: number, delayMs = 300) => ({ count, backoff: { kind: "fixed", delayMs } }) as const;

async function waitsForRetry(client: JobsClient, id: string): Promise<void> {
  await expect.poll(async () => (await client.getRun(id)).waitingFor, { timeout: 10_000 }).toBe("retry");
}

test("a script that fails twice is tried again each time at its time, and completes; every attempt's log and files are kept", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const run = await client.submitJob({ name: freshName(), script: failing(stack, 2), on: "alpha", retry: soon(3) });
  const followed = textOf(run);
  expect(await run.result()).toMatchObject({ state: "completed", reason: "exit", exitCode: 0, attempt: 3 });
  const settled = await run.settled();
  expect(settled.sentence).toContain("2 tries before it failed.");
  expect(settled.attempts).toMatchObject([
    { number: 1, on: "alpha", outcome: "failed", exitCode: 75, log: { complete: true }, artifacts: 1 },
    { number: 2, on: "alpha", outcome: "failed", exitCode: 75, log: { complete: true }, artifacts: 1 },
    { number: 3, on: "alpha", outcome: "completed", exitCode: 0, log: { complete: true }, artifacts: 1 },
  ]);
  const logs = await Promise.all([1, 2, 3].map((attempt) => textOf(run, { attempt })));
  for (const [index, log] of logs.entries()) expect(log).toContain(`try ${index + 1}, attempt ${index + 1}`);
  expect(await followed).toBe(logs.join("\r\n"));
  const [first, second, third] = logs.map((log) => Number.parseInt(log, 10));
  const retryAt = settled.attempts?.map((one) => Date.parse(one.retryAt ?? ""));
  expect(second).toBeGreaterThanOrEqual(retryAt?.[0] ?? Infinity);
  expect(third).toBeGreaterThanOrEqual(retryAt?.[1] ?? Infinity);
  expect((third ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(600);
  // By the timer, not by a round.
  expect((second ?? 0) - (retryAt?.[0] ?? 0)).toBeLessThan(900);

  const [file] = await run.artifacts({ attempt: 2 });
  expect(file?.name).toBe("try-2");
  expect(Buffer.from((await file?.bytes()) ?? []).toString()).toBe("of 2\n");
  expect((await run.artifacts()).map(({ name }) => name)).toEqual(["try-3"]);
  const never = { code: "invalid-request", field: "attempt" };
  await expect(run.artifacts({ attempt: 9 })).rejects.toMatchObject(never);
  await expect(run.logs({ attempt: 9 }).next()).rejects.toMatchObject(never);

  const status = await runCli(stack, "status", run.id);
  expect(status.stdout).toMatch(/1\s+alpha .*failed: exit code 75, tried again from/);
  expect((await runCli(stack, "logs", run.id, "--attempt", "2")).stdout).toContain("try 2, attempt 2");
  expect(await runCli(stack, "logs", run.id, "--attempt", "9")).toMatchObject({ exitCode: 64, stdout: "" });
  expect((await runCli(stack, "logs", run.id)).stdout).toContain("try 3");
  expect((await runCli(stack, "artifacts", run.id, "--attempt", "1")).stdout).toContain("try-1");
});

test("through the command line: only the ends that are named are tried again, no more often than said", async () => {
  await using stack = await startStack();
  const options = ["--retries", "1", "--backoff", "100ms", "--retry-on-exit", "75"];
  const submit = (script: string): Promise<CliOutcome> =>
    runCli(stack, "submit", "-f", "--json", "-n", freshName(), "--on", "alpha", ...options, "-c", script);
  const twice = await submit(failing(stack, 9));
  expect(twice.exitCode).toBe(75);
  expect(twice.stdout).toContain("try 2, attempt 2");
  expect(twice.stdout).not.toContain("try 3");
  const once = await submit("echo once; exit 1");
  expect(once.exitCode).toBe(1);
  expect(once.stdout).not.toContain('"retryAt"');
});

test("limits of time end a run, and say which one it was; a try that ran into one is tried again", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const submit = (input: object): Promise<RunHandle> =>
    client.submitJob({ name: freshName(), script: "sleep 300", on: "alpha", graceMs: 500, ...input });
  const [timeout, silence, again, quick] = await Promise.all([
    submit({ timeoutMs: 1_000 }),
    submit({ silenceMs: 1_000, script: "trap '' TERM; echo begins; while :; do sleep 0.2; done" }),
    submit({ timeoutMs: 1_000, retry: soon(1, 0) }),
    submit({ timeoutMs: 60_000, silenceMs: 60_000, script: "true" }),
  ]);
  expect(await quick.result()).toMatchObject({ state: "completed" });
  const ended = await timeout.result();
  expect(ended).toMatchObject({ state: "failed", reason: "timeout", signal: "SIGTERM" });
  expect(ended.sentence).toBe("The script ran for 1 s, its limit: alpha ended it with signal SIGTERM.");
  const silent = await silence.result();
  expect(silent).toMatchObject({ state: "failed", reason: "timeout", signal: "SIGKILL" });
  expect(silent.sentence).toContain("printed nothing for 1 s, its limit");
  expect(await again.result()).toMatchObject({
    reason: "timeout",
    attempts: [
      { outcome: "failed", cause: "timeout" },
      { outcome: "failed", cause: "timeout" },
    ],
  });
  const shell = await runCli(
    stack,
    "submit",
    "-f",
    "-n",
    freshName(),
    "--on",
    "alpha",
    "--timeout",
    "1s",
    "-c",
    "sleep 300",
  );
  expect(shell.exitCode).toBe(124);
});

test("between two tries its job is busy; a cancel takes effect at once", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  const run = await client.submitJob({ name, script: "exit 1", on: "alpha", retry: soon(1, 3_600_000) });
  await waitsForRetry(client, run.id);
  const waiting = await client.getRun(run.id);
  expect(waiting).toMatchObject({ state: "pending", next: { owner: "server" }, retry: { count: 1 } });
  expect(waiting.sentence).toContain("Attempt 1 ended with exit code 1.");
  expect(Date.parse(waiting.retryAt ?? "") - Date.now()).toBeGreaterThan(3_000_000);
  await expect(client.submitJob({ name, script: "true", on: "alpha" })).rejects.toMatchObject({
    code: "job-busy",
    message: expect.stringContaining("Waiting for its next try at") as string,
  });
  const behind = await client.submitJob({ name, script: "true", on: "alpha", overlap: "queue" });
  expect(behind.view).toMatchObject({ state: "pending", waitingFor: "previous-run", blockedBy: run.id });
  expect(await run.cancel()).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
  expect(await behind.result()).toMatchObject({ state: "completed" });
  expect(await run.settled()).toMatchObject({ state: "cancelled", output: { log: { complete: true } } });
});

test("its next try comes on another server when the deciding one stops", async () => {
  await using stack = await startStack({ servers: 2 });
  const [one, two] = stack.servers as [(typeof stack.servers)[0], (typeof stack.servers)[0]];
  const script = failing(stack, 1);
  const submitted = await stack
    .clientOf(one)
    .submitJob({ name: freshName(), script, on: "alpha", retry: soon(1, 1_500) });
  await waitsForRetry(stack.clientOf(two), submitted.id);
  await one.stop();
  const run = await stack.clientOf(two).run(submitted.id);
  expect(await run.settled()).toMatchObject({
    state: "completed",
    attempts: [{ exitCode: 75, log: { complete: true }, artifacts: 1 }, { exitCode: 0 }],
  });
  expect(await textOf(run, { attempt: 1 })).toContain("try 1, attempt 1");
});

test("what a job says of tries and limits holds for its runs; what is wrong is refused, and nothing stored", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  const set = await runCli(
    stack,
    "job",
    name,
    "--retries",
    "2",
    "--backoff",
    "1s..1m",
    "--timeout",
    "1h",
    "--silence",
    "10m",
  );
  expect(set).toMatchObject({ exitCode: 0 });
  const backoff = { kind: "exponential", delayMs: 1_000, maxMs: 60_000 };
  const run = await client.submitJob({ name, script: "true", on: "alpha" });
  expect(run.view).toMatchObject({ retry: { count: 2, backoff }, timeoutMs: 3_600_000, silenceMs: 600_000 });
  await run.settled();
  const again = await client.rerunRun(run.id, { retry: { count: 0 }, timeoutMs: null });
  expect(again.view).toMatchObject({ retry: { count: 0 }, timeoutMs: null, silenceMs: 600_000 });
  await again.settled();
  for (const [wrong, field] of [
    [{ retry: { count: 21 } }, "retry.count"],
    [{ retry: { count: 1, on: { reasons: ["lost"] } } }, "retry.on.reasons.0"],
    [{ timeoutMs: 999 }, "timeoutMs"],
    [{ silenceMs: 0 }, "silenceMs"],
  ] as const)
    await expect(client.submitJob({ name, script: "true", on: "alpha", ...(wrong as object) })).rejects.toMatchObject({
      code: "invalid-request",
      field,
    });
  expect(await client.listRuns({ job: name })).toHaveLength(2);
  expect(await runCli(stack, "submit", "-n", name, "--retry-on-exit", "75", "-c", "true")).toMatchObject({
    exitCode: 64,
  });
});
