import type { JobView } from "@jobs/core";
import { expect, test } from "vitest";
import { connect } from "./index.ts";
import { startContractServer, type Answer, type Request } from "./testing/index.ts";

const AT = "2026-03-01T12:00:00.000Z";
const said = { policy: {}, runs: [], updatedAt: AT, updatedBy: "ada" };
const VIEWS: readonly JobView[] = [
  {
    ...said,
    job: "a",
    appliedFrom: "web",
    task: { on: "web-1", script: "#!/bin/sh\n", interpreter: ["/bin/sh"], env: {} },
  },
  { ...said, job: "b", task: { on: "web-1", script: "true", interpreter: ["sh", "-e"], env: { A: "1" } } },
  { ...said, job: "c", appliedFrom: "db", policy: { overlap: "queue", retention: { runs: 5 } } },
  { job: "only runs", policy: {}, runs: [] },
];

/** `gone` is in the list, and was deleted since. */
function answer({ path, query }: Request): Answer {
  const names = [...VIEWS.map(({ job }) => job), "gone"];
  if (path === "/v1/jobs")
    return { body: { jobs: names.map((job) => ({ job, schedules: 0, next: [], liveRuns: 0 })) } };
  const view = VIEWS.find(({ job }) => job === query.get("name"));
  const unknown = { error: { code: "job-unknown", message: "There is no such job.", field: "name" } };
  return view === undefined ? { status: 404, body: unknown } : { body: view };
}

test("jobs are given in the shape in which they are applied, without what would be so anyhow", async () => {
  await using server = await startContractServer({ answer });
  const client = connect({ url: server.url, token: server.token });
  expect(await client.exportJobs({ names: ["b", "a"] })).toEqual({
    set: "web",
    jobs: {
      b: { task: { on: "web-1", script: "true", interpreter: ["sh", "-e"], env: { A: "1" } } },
      a: { task: { on: "web-1", script: "#!/bin/sh\n" } },
    },
  });
  expect(await client.exportJobs({ set: "db" })).toEqual({
    set: "db",
    jobs: { c: { policy: { overlap: "queue", retention: { runs: 5 } } } },
  });
  await expect(client.exportJobs()).rejects.toMatchObject({ code: "invalid-request", field: "set" });
});

test("one that is named must be there, and something must be said of it", async () => {
  await using server = await startContractServer({ answer });
  const client = connect({ url: server.url, token: server.token });
  for (const name of ["gone", "only runs"])
    await expect(client.exportJobs({ names: ["a", name] })).rejects.toMatchObject({ code: "job-unknown" });
});
