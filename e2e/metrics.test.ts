import { expect, test } from "vitest";
import { scrape, type Figures } from "./support/metrics.ts";
import { freshName, startStack, type Stack } from "./support/stack.ts";

const LONG = "while :; do sleep 0.1; done";

/** Scrapes until the figures hold, and gives those. */
async function seen(stack: Stack, holds: (figures: Figures) => boolean, timeout = 10_000): Promise<Figures> {
  let last: Figures | undefined;
  const look = async (): Promise<boolean> => holds((last = await scrape(stack.servers[0]?.url ?? "")));
  await expect.poll(look, { timeout }).toBe(true);
  if (last === undefined) throw new Error("nothing was scraped");
  return last;
}

test("the figures follow what happens: a run, a queue, a refusal, pauses, the end", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const idle = await seen(stack, (one) => one.value("jobs_agents", { contact: "yes" }) === 1);
  expect(idle.value("jobs_agent_slots", { contact: "yes" })).toBe(4);
  for (const name of ["jobs_queue_length", "jobs_paused_jobs", "jobs_all_paused", "jobs_runs_silent"])
    expect([name, idle.value(name)]).toEqual([name, 0]);
  expect(idle.value("jobs_view_age_seconds")).toBeLessThan(15);
  expect(idle.value("jobs_nats_rtt_seconds")).toBeLessThan(1);

  const name = freshName();
  const first = await client.submitJob({ name, script: LONG, on: "alpha" });
  const second = await client.submitJob({ name, script: "echo", on: "alpha", overlap: "queue" });
  await expect(client.submitJob({ name, script: "echo", on: "alpha" })).rejects.toMatchObject({ code: "job-busy" });
  await client.pauseJob(name);
  await client.pauseAll();
  const busy = await seen(
    stack,
    (one) =>
      one.value("jobs_runs_live", { state: "running", waiting_for: "" }) === 1 &&
      one.value("jobs_runs_live", { state: "pending", waiting_for: "job-paused" }) === 1,
  );
  expect(busy.value("jobs_queue_length")).toBe(1);
  expect(busy.value("jobs_queue_longest")).toBe(1);
  expect(busy.value("jobs_queue_oldest_seconds", { waiting_for: "job-paused" })).toBeGreaterThan(0);
  expect(busy.value("jobs_agent_slots_used", { contact: "yes" })).toBe(1);
  expect(busy.value("jobs_rejections_total", { code: "job-busy" })).toBe(1);
  expect([busy.value("jobs_paused_jobs"), busy.value("jobs_all_paused")]).toEqual([1, 1]);

  await client.resumeAll();
  await client.resumeJob(name);
  await first.cancel();
  await first.settled();
  await second.settled();
  const done = await seen(
    stack,
    (one) =>
      one.value("jobs_runs_finished_total", { state: "cancelled", reason: "cancelled-by" }) === 1 &&
      one.value("jobs_runs_finished_total", { state: "completed", reason: "exit" }) === 1,
  );
  expect(done.value("jobs_start_lateness_seconds_count")).toBe(2);
  expect(done.value("jobs_start_handover_seconds_count")).toBe(2);
  expect(done.value("jobs_start_lateness_seconds_sum")).toBeGreaterThan(
    done.value("jobs_start_handover_seconds_sum") ?? 0,
  );
  expect(done.value("jobs_decisions_total", { outcome: "stored" })).toBeGreaterThanOrEqual(6);
  expect([done.value("jobs_queue_length"), done.value("jobs_all_paused")]).toEqual([0, 0]);
});

test("a run of a host that falls silent shows as such, and so does its agent", async () => {
  await using stack = await startStack();
  const run = await stack.client.submitJob({ name: freshName(), script: LONG, on: "alpha" });
  await seen(stack, (one) => one.value("jobs_runs_live", { state: "running", waiting_for: "" }) === 1);
  await stack.agents[0]?.stop();
  const silent = await seen(stack, (one) => one.value("jobs_runs_silent") === 1, 30_000);
  expect(silent.value("jobs_agents", { contact: "no" })).toBe(1);
  expect(silent.value("jobs_agent_slots_used", { contact: "no" })).toBe(1);
  await stack.startAgent("alpha");
  await seen(stack, (one) => one.value("jobs_runs_silent") === 0, 30_000);
  await run.cancel();
  await run.settled();
}, 90_000);

test("without NATS a server says so, still shows what it knew, and recovers", async () => {
  await using stack = await startStack();
  const run = await stack.client.submitJob({ name: freshName(), script: "echo", on: "alpha" });
  await run.settled();
  const completed = { state: "completed", reason: "exit" };
  await seen(stack, (one) => one.value("jobs_runs_finished_total", completed) === 1);
  const [node] = stack.nats.nodes;
  await node?.kill("SIGKILL");
  const apart = await seen(
    stack,
    (one) => one.value("jobs_view_current") === 0 && one.value("jobs_nats_connected") === 0,
    30_000,
  );
  expect([apart.value("jobs_server_deciding"), apart.value("jobs_nats_rtt_seconds")]).toEqual([0, 1]);
  expect(apart.value("jobs_view_age_seconds")).toBeGreaterThanOrEqual(15);
  expect(apart.value("jobs_runs_finished_total", completed)).toBe(1);
  await node?.start();
  const back = await seen(
    stack,
    (one) => one.value("jobs_view_current") === 1 && one.value("jobs_server_deciding") === 1,
    30_000,
  );
  expect(back.value("jobs_runs_finished_total", completed)).toBe(1);
}, 90_000);

test("of two servers one decides; both tell the same of runs, and so does one that starts later", async () => {
  await using stack = await startStack({ servers: 2 });
  const run = await stack.client.submitJob({ name: freshName(), script: "exit 3", on: "alpha" });
  await run.settled();
  await stack.startServer();
  const of = (name: string, labels: Record<string, string> = {}) =>
    Promise.all(stack.servers.map(async ({ url }) => (await scrape(url)).value(name, labels)));
  const byValue = (one = 0, other = 0): number => one - other;
  await expect.poll(() => of("jobs_runs_finished_total", { state: "failed", reason: "exit" })).toEqual([1, 1, 1]);
  expect(await of("jobs_agents", { contact: "yes" })).toEqual([1, 1, 1]);
  await expect.poll(async () => (await of("jobs_server_deciding")).sort(byValue)).toEqual([0, 0, 1]);
  expect((await of("jobs_start_lateness_seconds_count")).sort(byValue)).toEqual([0, 0, 1]); // observed by one of them
});

test("nothing is told without a token", async () => {
  await using stack = await startStack({ agents: [] });
  const url = stack.servers[0]?.url ?? "";
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(401);
  expect(await response.text()).not.toContain("jobs_");
  expect((await scrape(url)).value("jobs_rejections_total", { code: "unauthenticated" })).toBe(1);
});
