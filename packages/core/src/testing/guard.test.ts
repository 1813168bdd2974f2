import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { spawnGuard } from "./guard.ts";
import { startNats } from "./index.ts";

test("when a test process is gone, its servers are ended and its folder is removed", async () => {
  await using nats = await startNats();
  const [node] = nats.nodes;
  const guard = spawnGuard(dirname(node?.dataDir ?? ""));
  guard.stdin.destroy();
  await once(guard, "exit");
  expect(await node?.exited).toEqual({ code: null, signal: "SIGKILL" });
  expect(existsSync(node?.dataDir ?? "")).toBe(false);
});

test("a guard that is released does nothing", async () => {
  await using nats = await startNats();
  const [node] = nats.nodes;
  const guard = spawnGuard(dirname(node?.dataDir ?? ""));
  guard.stdin.end("release\n");
  await once(guard, "exit");
  expect(node?.pid).toBeDefined();
  expect(existsSync(node?.dataDir ?? "")).toBe(true);
});
