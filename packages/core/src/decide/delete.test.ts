import { expect, test } from "vitest";
import { after, assignedRun, contextOf, NOW, runningRun, sampleRun, viewOf } from "../testing/sample-runs.ts";
import { decideDelete, findHistoryObstacle } from "./delete.ts";
import type { JobView } from "./view.ts";

const definition = { v: 1, job: "nightly", writeId: "w", policy: {}, updatedAt: NOW, updatedBy: "ada" } as const;
const defined = (view: JobView = viewOf()): JobView => ({ ...view, definition });
const ended = runningRun({ state: "failed", reason: "exit", times: { submittedAt: NOW, endedAt: after(5) } });

test("what is said of a job goes, once", () => {
  expect(decideDelete(defined())).toEqual({ kind: "delete", job: "nightly" });
  expect(decideDelete(viewOf())).toEqual({ kind: "nothing" });
  expect(decideDelete(defined(viewOf(ended)))).toEqual({ kind: "delete", job: "nightly" });
});

test("a live run is in the way, whatever it does, and is named", () => {
  const leftOver = runningRun({
    ...ended,
    attempts: ended.attempts.map((one) => ({ ...one, exit: { exitCode: 0, leftOverPids: [7] } })),
  });
  const live = [sampleRun(), sampleRun({ state: "submitted" }), assignedRun(), runningRun(), leftOver];
  for (const run of live)
    for (const view of [viewOf(run), defined(viewOf(run))])
      expect(decideDelete(view)).toMatchObject({
        kind: "reject",
        error: {
          code: "job-busy",
          message: expect.not.stringContaining("passes by itself") as string,
          field: "name",
          details: { run: "run00001", link: "/v1/runs/run00001" },
        },
      });
});

test("the history is deleted only when no run of it is left, neither in a record nor on a host", () => {
  expect(findHistoryObstacle(viewOf(), contextOf())).toBeUndefined();
  expect(findHistoryObstacle(viewOf(ended), contextOf())).toMatchObject({
    code: "job-busy",
    message: expect.stringMatching(/is not settled yet\. .* That passes by itself: ask again in a while\.$/) as string,
    details: { run: "run00001" },
  });
  const { agents } = contextOf();
  const liveOf = () => [{ agent: "agent-a", run: "run00007", attempt: 2 }];
  expect(findHistoryObstacle(viewOf(), { agents: { ...agents, liveOf } })).toMatchObject({
    code: "job-busy",
    details: { run: "run00007", agent: "agent-a", attempt: 2 },
  });
});
