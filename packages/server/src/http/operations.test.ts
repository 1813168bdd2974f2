import type { OperationName } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { Dependents } from "../projection/dependents.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { RunPresenter } from "../projection/run-presenter.ts";
import { parsedInput } from "../testing/index.ts";
import { sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { sampleRun } from "../testing/sample-run.ts";
import { runsWith } from "../testing/sample-runs.ts";
import type { OperationsOptions } from "./handlers.ts";
import { operationHandlers } from "./operations.ts";

const LISTS = ["listRuns", "countRuns", "listPending"] as const satisfies readonly OperationName[];

/** A server that does not decide; `catchUp`: it sees what is stored. */
function serverThat(catchUp: (jobs: JobsProjection) => Promise<void>) {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const runs = runsWith(() => catchUp(jobs), { jobs, mayDecide: false });
  const dependents = new Dependents(jobs);
  const silence = { sinceHeardMs: () => 0 };
  const presenter = new RunPresenter({ jobs, dependents, stateOf: () => undefined, silence, nowMs: () => 0 });
  // What these operations do not come to is left out.
  const served = { runs, jobs, presenter, agents: sampleAgents(sampleAgent("alpha")), nowMs: () => 0 };
  const handlers = operationHandlers(served as unknown as OperationsOptions);
  return (name: (typeof LISTS)[number]): Promise<unknown> => handlers[name](parsedInput(name, {}) as never, "ada");
}

test("lists, counts and what waits show what another server has just stored; very many at once catch up few times", async () => {
  let catchUps = 0;
  const ask = serverThat((jobs) => {
    catchUps++;
    jobs.apply(entryOf({ kind: "run", run: sampleRun() }, 1));
    return Promise.resolve();
  });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, at) => ask(LISTS[at % 3] ?? "listRuns")));
  for (let at = 0; at < answers.length; at += 3)
    expect(answers.slice(at, at + 3)).toMatchObject([
      { runs: [{ run: "run00001" }] },
      { total: 1 },
      { pending: [{ run: { run: "run00001" } }] },
    ]);
  expect(catchUps).toBe(2);
});

test.each(LISTS)("%s is not answered by a server that does not hear what is stored", async (name) => {
  const ask = serverThat(() => Promise.reject(new Error("the mark did not come back")));
  await expect(ask(name)).rejects.toMatchObject({ code: "store-unavailable" });
});
