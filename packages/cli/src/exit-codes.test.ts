import { viewOf } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { exitCodeOfRun } from "./exit-codes.ts";

test.each([
  [0, { state: "completed", reason: "exit", exitCode: 0 }],
  [3, { state: "failed", reason: "exit", exitCode: 3 }],
  [137, { state: "failed", reason: "signal", signal: "SIGKILL" }],
  [162, { state: "failed", reason: "signal", signal: "SIG34" }],
  [119, { state: "failed", reason: "signal", signal: "SIGNEW" }],
  [110, { state: "cancelled", reason: "cancelled-by", signal: "SIGTERM" }],
  [110, { state: "cancelled", reason: "cancelled-by", exitCode: 0 }],
  [111, { state: "skipped", reason: "overlap" }],
  [112, { state: "failed", reason: "lost", signal: "SIGKILL" }],
  [113, { state: "failed", reason: "host-restarted" }],
  [114, { state: "failed", reason: "host-stopped", signal: "SIGTERM" }],
  [116, { state: "failed", reason: "refused-by-agent" }],
  [117, { state: "failed", reason: "hosts-failed" }],
  [124, { state: "failed", reason: "timeout", signal: "SIGTERM" }],
  [119, { state: "failed", reason: "no-agent" }],
] as const)("the exit code is %i for %o", (code, changes) => {
  expect(exitCodeOfRun(viewOf(changes))).toBe(code);
});
