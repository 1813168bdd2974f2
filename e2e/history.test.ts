import { access, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Run } from "@jobs/core";
import { connectNats, HistoryStore } from "@jobs/core/jetstream";
/** Lists and counts of runs, live and finished, through SDK, HTTP and command line. */
import type { RunFilter, RunView } from "@jobs/sdk";
import { expect, test, vi } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack, TOKEN } from "./support/stack.ts";

async function idsOf(runs: AsyncIterable<RunView>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run } of runs) ids.push(run);
  return ids;
}

test("runs are listed and counted by every filter, whether they live or not", async () => {
  await using stack = await startStack({
    agents: ["alpha", "beta"],
    labels: { alpha: { zone: "eu" }, beta: { zone: "us", gpu: "" } },
  });
  const { client } = stack;
  const [nightly, deploy] = [`Nightly ${freshName()}`, `deploy ${freshName()}`];
  const ids: string[] = [];
  for (const [name, on, exit] of [
    [nightly, "alpha", 0],
    [nightly, "beta", 3],
    [deploy, "alpha", 0],
  ] as const) {
    const run = await client.submitJob({ name, script: `exit ${exit}`, on });
    await run.settled();
    ids.push(run.id);
  }
  const held = await client.submitJob({ name: deploy, script: "true", on: "beta", hold: true });
  ids.push(held.id);
  const [first, second, third, fourth] = ids as [string, string, string, string];
  const middle = (await client.getRun(second)).times.submittedAt;
  const cases: readonly (readonly [RunFilter, readonly string[]])[] = [
    [{}, [fourth, third, second, first]],
    [{ job: nightly }, [second, first]],
    [{ name: "NIGHTLY" }, [second, first]],
    [{ name: "y" }, [fourth, third, second, first]],
    [{ state: ["failed", "pending"] }, [fourth, second]],
    [{ state: "completed", agent: "alpha" }, [third, first]],
    [{ reason: "exit" }, [third, second, first]],
    [{ agent: "beta" }, [fourth, second]],
    [{ labels: "zone=eu" }, [third, first]],
    [{ labels: "zone" }, [fourth, third, second, first]],
    [{ labels: "gpu", agent: "beta" }, [fourth, second]],
    [{ labels: "gpu", agent: "alpha" }, []],
    [{ labels: "rack=7" }, []],
    [{ submittedBy: "tester" }, [fourth, third, second, first]],
    [{ submittedBy: "nobody" }, []],
    [{ since: middle }, [fourth, third, second]],
    [{ until: middle }, [first]],
  ];
  for (const [filter, expected] of cases) {
    expect([filter, await idsOf(client.eachRun(filter))]).toEqual([filter, expected]);
    expect([filter, (await client.countRuns(filter)).total]).toEqual([filter, expected.length]);
  }
  expect((await client.countRuns()).states).toMatchObject({ completed: 2, failed: 1, pending: 1, cancelled: 0 });

  const answer = await fetch(`${stack.servers[0]?.url}/v1/runs?state=failed&state=pending&limit=1`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const page = (await answer.json()) as { runs: RunView[]; next: string };
  expect(page).toMatchObject({ runs: [{ run: fourth }], next: expect.any(String) as string });
  const shell = await runCli(stack, "list", "--json", "--state", "failed,pending", "--after", page.next);
  expect(JSON.parse(shell.stdout)).toMatchObject({ runs: [{ run: second, reason: "exit", exitCode: 3 }] });
  const labelled = await runCli(stack, "list", "--json", "--label", "zone in (us)", "--state", "failed");
  expect(JSON.parse(labelled.stdout)).toMatchObject({ runs: [{ run: second }] });
  const counted = await runCli(stack, "list", "--counts", "--json", "--since", "1h", "--agent", "beta");
  expect(JSON.parse(counted.stdout)).toMatchObject({ total: 2, states: { failed: 1, pending: 1 } });
});

test("pages stay as they are while new runs come, and a run that ends keeps its place", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const name = freshName();
  const waits = await client.submitJob({ name, script: "true", on: "alpha", overlap: "queue", hold: true });
  const submit = () => client.submitJob({ name, script: "true", on: "alpha", overlap: "queue" });
  const second = await submit();
  const third = await submit();
  const page = await client.pageRuns({ job: name, limit: 2 });
  expect(page.runs.map(({ run }) => run)).toEqual([third.id, second.id]);
  const later = await submit();
  await client.releaseRun(waits.id);
  await Promise.all([waits, later].map((run) => run.settled()));
  const rest = await client.pageRuns({ job: name, limit: 2, after: page.next });
  expect(rest.runs.map(({ run, state }) => [run, state])).toEqual([[waits.id, "completed"]]);
  expect(rest.next).toBeUndefined();
});

test(
  "a job says for how long its runs are kept; what is past that goes with its log, on every server, and its key is free again",
  { timeout: 60_000 },
  async () => {
    await using stack = await startStack({ servers: 2 });
    const { client, nats } = stack;
    const name = freshName();
    const submit = (key: string) => client.submitJob({ name, script: "echo kept", on: "alpha", key });
    const old = await submit("old");
    const view = await old.settled();

    const refused = await client.saveJob(name, { policy: { retention: { days: 0 } } }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "invalid-request", field: "policy.retention.days" });
    const saved = await runCli(stack, "job", name, "--json", "--keep-days", "45", "--keep-runs", "all");
    expect(JSON.parse(saved.stdout)).toMatchObject({ policy: { retention: { days: 45, runs: null } } });

    // As if it had ended 50 days ago.
    const link = await connectNats({ url: nats.url, user: "server", password: "server", name: "test" });
    const history = new HistoryStore(link);
    const record = (await history.find(name, old.id)) as Run;
    await link.jsm.streams.purge("HISTORY", { filter: `history.*.${old.id}` });
    const endedAt = new Date(Date.now() - 50 * 86_400_000).toISOString();
    const written = await history.write({ ...record, times: { ...record.times, submittedAt: endedAt, endedAt } });
    expect(written).toMatchObject({ kind: "stored" });
    await link.connection.close();
    const recent = await submit("recent");
    await recent.settled();

    // The one that takes over looks at once. It has read HISTORY before.
    const [first, second] = stack.servers;
    await first?.stop();
    await second?.stop();
    const [third, fourth] = [await stack.startServer(), await stack.startServer()];
    for (const server of [third, fourth]) {
      const listed = async () => idsOf(stack.clientOf(server).eachRun({ job: name }));
      await expect.poll(listed, { timeout: 15_000 }).toEqual([recent.id]);
    }
    const log = fileURLToPath(`${view.output?.location}/1/log`);
    await expect(access(log)).rejects.toMatchObject({ code: "ENOENT" });
    const later = stack.clientOf(third);
    await expect(later.getRun(old.id)).rejects.toMatchObject({ code: "run-unknown" });
    // Its host's last beat may be of the time when it ran: 50 days have not really passed.
    const again = async () => {
      const run = await later.submitJob({ name, script: "echo kept", on: "alpha", key: "old" }).catch(() => undefined);
      return run === undefined ? undefined : [run.id, (await run.result()).state];
    };
    await expect.poll(again, { timeout: 30_000 }).toEqual([old.id, "completed"]);
  },
);

test("a large script goes from the store once no run and no job has it any more, and not before", async () => {
  await using stack = await startStack();
  const { client, directory } = stack;
  const scriptOf = (name: string): string => `echo ${name}\n# ${"x".repeat(20_000)}`;
  const [gone, kept, task] = [freshName("gone"), freshName("kept"), freshName("task")];
  for (const name of [gone, kept])
    await (await client.submitJob({ name, script: scriptOf(name), on: "alpha" })).settled();
  await client.saveJob(task, { task: { script: scriptOf(task), on: "alpha" } });
  const payloads = join(directory, "artifacts", "payloads");
  expect(await readdir(payloads)).toHaveLength(3);
  await vi.waitFor(() => client.deleteJob(gone, { history: "delete" }), 10_000); // its last beat may list the run
  // As in a month.
  const at = Date.now() / 1000 - 31 * 86_400;
  for (const file of await readdir(payloads)) await utimes(join(payloads, file), at, at);
  await stack.servers[0]?.stop();
  const after = stack.clientOf(await stack.startServer());
  await expect.poll(() => readdir(payloads), { timeout: 10_000 }).toHaveLength(2);
  const [ended] = await after.listRuns({ job: kept });
  const again = await after.rerunRun(ended!.run);
  expect(await again.result()).toMatchObject({ state: "completed" });
  expect(await (await after.runJob(task)).result()).toMatchObject({ state: "completed" });
  // What went comes again with whoever submits it.
  const anew = await after.submitJob({ name: gone, script: scriptOf(gone), on: "alpha", overlap: "queue" });
  expect(await anew.result()).toMatchObject({ state: "completed" });
}, 60_000);
