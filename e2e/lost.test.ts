import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobsClient, RunHandle, RunView } from "@jobs/sdk";
import { expect, test } from "vitest";
import { freshName, startStack } from "./support/stack.ts";

/** The least that may be asked for. */
const LOST_AFTER_MS = 180_000;
/** Tells its process number; ends by itself at the second try. */
const SCRIPT = `trap "" TERM
echo $$ > $JOBS_OUTPUT/../pid
echo attempt $JOBS_ATTEMPT_NUMBER
[ "$JOBS_ATTEMPT_NUMBER" = 1 ] || exit 0
while :; do sleep 0.2; done`;

/** Asks until the run's view holds; throws after `limitMs`. */
async function until(
  run: RunHandle,
  holds: (view: RunView) => boolean,
  { client, limitMs }: { client: JobsClient; limitMs: number },
): Promise<RunView> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const view = await client.getRun(run.id);
    if (holds(view)) return view;
    if (performance.now() > giveUpAt) throw new Error(`after ${limitMs} ms: ${JSON.stringify(view)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test(
  "a host falls silent: that is shown within 15 s; its scripts are ended there before they are called lost; what becomes of each run is as it was asked for",
  async () => {
    const names = ["alpha", "beta", "gamma", "delta"] as const;
    await using stack = await startStack({ agents: names });
    const { client } = stack;
    const policies = [
      { onLost: "fail" },
      { onLost: "retry" },
      { onLost: "hold" },
      { overlap: "allow", lostAfterMs: null },
    ] as const;
    const runs: RunHandle[] = [];
    for (const [index, on] of names.entries()) {
      const policy = { lostAfterMs: LOST_AFTER_MS, graceMs: 1_000, ...policies[index] };
      runs.push(await client.submitJob({ name: freshName(), script: SCRIPT, on, ...policy }));
    }
    const [failing, retrying, holding, allowing] = runs as [RunHandle, RunHandle, RunHandle, RunHandle];
    const retriedLog = logOf(retrying);
    const pids: number[] = [];
    for (const [index, run] of runs.entries()) {
      await until(run, ({ state }) => state === "running", { client, limitMs: 10_000 });
      const folder = join(stack.directory, `agent-${names[index]}`, "attempts", `${run.id}.1`);
      let text = "";
      while (text === "") text = await readFile(join(folder, "pid"), "utf8").catch(() => "");
      pids.push(Number(text));
    }
    // Their supervisors and scripts go on.
    for (const agent of stack.agents) await agent.stop();
    const silentFrom = performance.now();
    for (const run of runs) {
      const limitMs = 15_000 - (performance.now() - silentFrom);
      const view = await until(run, ({ silentSince }) => silentSince !== undefined, { client, limitMs });
      expect(view).toMatchObject({ state: "running" });
      expect(view.sentence).toContain("nobody knows yet how it stands");
    }
    expect(failing.view.state).not.toBe("failed");
    // An operator knows better.
    const resolved = await client.resolveRun(allowing.id, "switched off");
    expect(resolved).toMatchObject({ state: "failed", reason: "lost", resolvedBy: "tester" });
    expect((await client.listAudit(1))[0]).toMatchObject({ action: "resolve", run: allowing.id, note: "switched off" });

    const limitMs = LOST_AFTER_MS + 20_000;
    const failed = await until(failing, ({ lostAt }) => lostAt !== undefined, { client, limitMs });
    expect(failed).toMatchObject({ state: "failed", reason: "lost" });
    expect(performance.now() - silentFrom).toBeGreaterThan(LOST_AFTER_MS - 6_000);
    expect(pids.slice(0, 3).map(isAlive)).toEqual([false, false, false]); // their supervisors ended them before
    const retried = await until(retrying, ({ lostAt }) => lostAt !== undefined, { client, limitMs: 10_000 });
    expect(retried).toMatchObject({ state: "pending", waitingFor: "agent" });
    const held = await until(holding, ({ lostAt }) => lostAt !== undefined, { client, limitMs: 10_000 });
    expect(held).toMatchObject({ state: "running", next: { owner: "operator" } });
    expect((await client.listOverdue()).map(({ run }) => run)).toContain(holding.id);
    const again = { name: holding.job, script: "echo", on: "alpha" };
    await expect(client.submitJob(again)).rejects.toMatchObject({ code: "job-busy", details: { run: holding.id } });

    for (const name of names) await stack.startAgent(name);
    expect(await retrying.settled()).toMatchObject({ state: "completed", attempt: 2 });
    expect(await retriedLog).toEqual(["1: attempt 1", "2: attempt 2"]); // each attempt has a log of its own, whole
    expect(await holding.settled()).toMatchObject({
      state: "failed",
      reason: "lost",
      output: { log: { complete: true } },
    });
    expect(await failing.settled()).toMatchObject({ state: "failed", output: { log: { complete: true } } });
    // Its end was decided without the host, which ran it all the same: it is ended there now.
    while (isAlive(pids[3] ?? 0)) await new Promise((resolve) => setImmediate(resolve));
    for (const { job } of runs) {
      const next = await client.submitJob({ ...again, name: job, overlap: "queue" });
      expect(await next.result()).toMatchObject({ state: "completed" });
    }
  },
  LOST_AFTER_MS + 120_000,
);

/** The lines of a run's log, each with its attempt. */
async function logOf(run: RunHandle): Promise<string[]> {
  const lines: string[] = [];
  for await (const { attempt, text } of run.logs()) lines.push(`${attempt}: ${text.trim()}`);
  return lines;
}

/** True while there is a process of this number that has not ended. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
