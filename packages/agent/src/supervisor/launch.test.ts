import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { buildSupervisorBundle, SupervisedHost } from "./testing/supervised-host.ts";

beforeAll(buildSupervisorBundle, 30_000);

test("a supervisor is the only one on its state directory, however many agents start one at once", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-supervisor-"));
  await using first = await SupervisedHost.open(stateDir);
  const { pid } = first.client.hello;
  const clients = await Promise.all([first.connect("s2"), first.connect("s3")]);
  expect(clients.map(({ hello }) => hello.pid)).toEqual([pid, pid]);
});

test("a supervisor listens elsewhere when the path of the state directory is too long for a socket", async () => {
  const parent = await mkdtemp(join(tmpdir(), "jobs-supervisor-"));
  {
    await using host = await SupervisedHost.open(join(parent, "x".repeat(120)));
    expect((await host.run()).exit).toEqual({ exitCode: 0 });
  }
  await rm(parent, { recursive: true });
});

test("a state directory is found by a path that is relative to the agent, as the supervisor does not run there", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-supervisor-"));
  await using host = await SupervisedHost.open(relative(process.cwd(), stateDir));
  await host.run({ script: "pwd\n" });
  expect((await host.log("run-1.1")).toString()).toBe(`${join(stateDir, "attempts", "run-1.1", "work")}\r\n`);
});
