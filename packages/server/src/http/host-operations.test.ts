import type { Run } from "@jobs/core";
import { expect, test } from "vitest";
import { finishedRun, sampleRun } from "../testing/sample-run.ts";
import type { OperationsOptions } from "./handlers.ts";
import { hostsOf } from "./host-operations.ts";

const target = { kind: "all", labels: "web" } as const;

test.each<[Run, RegExp]>([
  [sampleRun(), /is for one host, not for all that match\.$/],
  [sampleRun({ target: { kind: "any", labels: "web" } }), /is for one host/],
  [sampleRun({ target }), /has not begun: its hosts are those that match when it does\.$/],
  [finishedRun({ state: "skipped", target }), /ended before it went to any host\.$/],
])("why a run has no hosts to list is said %#", (run, message) => {
  const list = () => hostsOf(run, {} as OperationsOptions);
  expect(list).toThrow(message);
  expect(list).toThrow(expect.objectContaining({ code: "invalid-request", field: "run" }) as Error);
});
