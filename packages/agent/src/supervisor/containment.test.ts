import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ProcessTree } from "./containment.ts";
import { findProcess } from "./process-table.ts";

test("a leader that was forked just now, without its session and its environment yet, is ended all the same", async () => {
  // Between fork and exec it looks like this: in the session of its parent, and without the marker.
  const forked = spawn("sleep", ["300"], { env: {} });
  const exited = once(forked, "exit");
  const { pid, startTicks } = findProcess(forked.pid!)!;
  const tree = new ProcessTree({ leader: { pid, startTicks }, knowsSession: true, marker: ["JOBS_ATTEMPT=run.1"] });
  expect(await tree.end(5_000)).toEqual([]);
  expect(await exited).toEqual([null, "SIGTERM"]);
});

test("a leader that is older than the lowest number of its processes is ended", async () => {
  // It may have waited while the kernel used up all its numbers and began anew.
  const leader = spawn("sleep", ["300"], { detached: true });
  const exited = once(leader, "exit");
  const { pid, startTicks } = findProcess(leader.pid!)!;
  const later = spawn("true");
  await once(later, "exit");
  const options = { lowestPid: later.pid!, knowsSession: true, marker: ["JOBS_ATTEMPT=run.1"] };
  expect(await new ProcessTree({ leader: { pid, startTicks }, ...options }).end(5_000)).toEqual([]);
  expect(await exited).toEqual([null, "SIGTERM"]);
});
