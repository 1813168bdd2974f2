/** Lists and counts of runs, live and finished, through SDK, HTTP and command line. */
import type { RunFilter, RunView } from "@jobs/sdk";
import { expect, test } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack, TOKEN } from "./support/stack.ts";

async function idsOf(runs: AsyncIterable<RunView>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { run } of runs) ids.push(run);
  return ids;
}

test("runs are listed and counted by every filter, whether they live or not", async () => {
  await using stack = await startStack({ agents: ["alpha", "beta"] });
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
