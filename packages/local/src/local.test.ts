import { readFile, stat } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { startNats } from "@jobs/core/testing";
import { connect, type RunHandle } from "@jobs/sdk";
import { expect, test } from "vitest";
import { startLocal, type RunningLocal } from "./local.ts";
import { DataFolder, localOptions } from "./testing/data-folder.ts";

const optionsFor = ({ path }: DataFolder) => localOptions(path, process.env);

async function submit(local: RunningLocal, script: string, name = "hello"): Promise<RunHandle> {
  return await connect({ url: local.url, token: local.token }).submitJob({ name, script, on: local.agentName });
}

async function logOf(run: RunHandle): Promise<string> {
  let text = "";
  for await (const chunk of run.logs()) text += chunk.text;
  return text;
}

test("a script runs; the second start is quick and knows the run, its log and its file", async ({ annotate }) => {
  await using folder = await DataFolder.make();
  const first = await startLocal(optionsFor(folder));
  const run = await submit(first, "echo done; echo kept > $JOBS_OUTPUT/a.txt");
  expect(await logOf(run)).toBe("done\r\n");
  await run.settled();
  await first.stop();

  const startedAt = performance.now();
  await using second = await startLocal(optionsFor(folder));
  await annotate(`the second start took ${(performance.now() - startedAt).toFixed(0)} ms`);
  const known = await connect({ url: second.url, token: second.token }).run(run.id);
  expect(known.view).toMatchObject({ state: "completed", exitCode: 0 });
  expect(await logOf(known)).toBe("done\r\n");
  expect((await known.artifacts()).map(({ name }) => name)).toEqual(["a.txt"]);
  expect(second.token).toBe(first.token);
});

test("a stop ends nats-server, supervisor and scripts, and the run says so", async () => {
  await using folder = await DataFolder.make();
  const first = await startLocal(optionsFor(folder));
  const run = await submit(first, "trap '' TERM; echo up; while true; do sleep 1000; done");
  await run.logs().next();
  expect((await folder.pids()).length).toBeGreaterThanOrEqual(3);
  await Promise.all([first.stop(), first.stop()]);
  await first.stop();
  await expect.poll(() => folder.pids()).toEqual([]);

  await using second = await startLocal(optionsFor(folder));
  const known = await connect({ url: second.url, token: second.token }).run(run.id);
  expect(await known.result()).toMatchObject({ state: "failed", reason: "host-stopped" });
});

test("a second start on the same folder is refused and names the first one, which goes on", async () => {
  await using folder = await DataFolder.make();
  await using first = await startLocal(optionsFor(folder));
  await expect(startLocal(optionsFor(folder))).rejects.toMatchObject({
    code: "already-running",
    message: expect.stringContaining(`process ${process.pid}, ${first.url}`) as string,
    details: { pid: process.pid, url: first.url },
  });
  expect(await logOf(await submit(first, "echo still here"))).toBe("still here\r\n");
});

test("a start that fails undoes itself; a port that is taken fails it, unless any other one will do", async () => {
  await using folder = await DataFolder.make();
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  await expect(startLocal({ ...optionsFor(folder), port })).rejects.toMatchObject({
    code: "config-invalid",
    field: "port",
  });
  expect(await folder.pids()).toEqual([]);
  await using local = await startLocal({ ...optionsFor(folder), port, isPortOptional: true });
  expect(local.url).not.toContain(`:${port}`);
  other.close();
});

test("a start that is aborted undoes itself", async () => {
  await using folder = await DataFolder.make();
  const controller = new AbortController();
  const starting = startLocal({
    ...optionsFor(folder),
    signal: controller.signal,
    onProgress: (part) => part === "server" && controller.abort(new Error("enough")),
  });
  await expect(starting).rejects.toThrow("enough");
  expect(await folder.pids()).toEqual([]);
  await using local = await startLocal(optionsFor(folder));
  expect(local.url).toContain("127.0.0.1");
});

test("secrets are readable by their owner alone, and the connection file is there while the stack runs", async () => {
  await using folder = await DataFolder.make();
  const local = await startLocal(optionsFor(folder));
  for (const file of [join(folder.path, "credentials.json"), local.connectionFile]) {
    expect((await stat(file)).mode & 0o077).toBe(0);
  }
  expect(JSON.parse(await readFile(local.connectionFile, "utf8"))).toEqual({ url: local.url, token: local.token });
  await local.stop();
  await expect(stat(local.connectionFile)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a nats-server that was killed is started again", async () => {
  await using folder = await DataFolder.make();
  await using local = await startLocal(optionsFor(folder));
  const before = await readFile(join(folder.path, "nats/nats.pid"), "utf8");
  process.kill(Number(before), "SIGKILL");
  expect(await logOf(await submit(local, "echo again"))).toBe("again\r\n");
  expect(await readFile(join(folder.path, "nats/nats.pid"), "utf8")).not.toBe(before);
});

test("it runs on a nats-server that is there, and a wrong password for it is told at once", async () => {
  await using folder = await DataFolder.make();
  await using nats = await startNats({ users: [{ user: "ada", password: "right" }] });
  const given = { ...optionsFor(folder), natsUrl: nats.url, natsUser: "ada" };
  await expect(startLocal({ ...given, natsPassword: "wrong" })).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining("Authorization Violation") as string,
  });
  await using local = await startLocal({ ...given, natsPassword: "right" });
  expect(local.natsUrl).toBe(nats.url);
  expect(await logOf(await submit(local, "echo there"))).toBe("there\r\n");
});
