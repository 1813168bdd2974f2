import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { env, kill } from "node:process";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { defaultCacheDir, findNatsServer, NatsServerProcess, type NatsServerProcessOptions } from "./index.ts";

const { file } = await findNatsServer({
  cacheDir: defaultCacheDir(env, homedir()),
  path: env["PATH"] ?? "",
  log: () => undefined,
});

test("after kill -9 it starts again on the same port with all that it had acknowledged", async () => {
  await using dir = await temporaryDir();
  await using server = create(dir);
  await server.start();
  const { url, pid } = server;
  const before = await connect({ servers: url, reconnect: false });
  await (await jetstreamManager(before)).streams.add({ name: "S", subjects: ["s"] });
  await jetstream(before).publish("s", "kept");
  await server.kill("SIGKILL");
  expect(await server.exited).toEqual({ code: null, signal: "SIGKILL" });
  expect(server.pid).toBeUndefined();
  await server.start();
  expect(server.url).toBe(url);
  expect(server.pid).not.toBe(pid);
  const after = await connect({ servers: url, reconnect: false });
  const kept = await (await jetstreamManager(after)).streams.getMessage("S", { last_by_subj: "s" });
  expect(kept?.string()).toBe("kept");
  await after.close();
});

test("start and stop may be called twice, also at the same time, and a stop leaves no process", async () => {
  await using dir = await temporaryDir();
  const server = create(dir);
  await server.stop();
  await Promise.all([server.start(), server.start()]);
  await server.start();
  const pid = server.pid ?? 0;
  expect(isAlive(pid)).toBe(true);
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  expect(isAlive(pid)).toBe(false);
});

test("a stop during the start ends the process", async () => {
  await using dir = await temporaryDir();
  const server = create(dir);
  const starting = server.start();
  const stopping = server.stop();
  await expect(starting).rejects.toMatchObject({ code: "store-unavailable" });
  await stopping;
  expect(server.pid).toBeUndefined();
});

test("a server that hangs is killed after the limit of a stop", async () => {
  await using dir = await temporaryDir();
  const server = create(dir, { stopTimeoutMs: 50 });
  await server.start();
  await server.kill("SIGSTOP");
  await server.stop();
  expect(await server.exited).toEqual({ code: null, signal: "SIGKILL" });
});

test("the server that a killed owner left behind on the same data is ended by the next start", async () => {
  await using dir = await temporaryDir();
  await using first = create(dir);
  await first.start();
  await using second = create(dir);
  await second.start();
  await first.exited;
  expect(first.pid).toBeUndefined();
  expect(second.pid).toBeDefined();
});

test("a stranger that has got the pid of the pid file by now is left alone", async () => {
  await using dir = await temporaryDir();
  const stranger = spawn("sleep", ["60"]);
  try {
    await writeFile(join(dir.path, "nats.pid"), String(stranger.pid));
    await using server = create(dir);
    await server.start();
    expect(stranger.exitCode).toBeNull();
    expect(isAlive(stranger.pid ?? 0)).toBe(true);
  } finally {
    stranger.kill();
  }
});

test("a start that fails says why and leaves no process", async () => {
  await using dir = await temporaryDir();
  await using other = await temporaryDir();
  await using holder = create(dir);
  await holder.start();
  const port = Number(new URL(holder.url).port);
  const server = create(other, { port });
  await expect(server.start()).rejects.toThrow(/address already in use/);
  expect(server.pid).toBeUndefined();
  await expect(create(other, { serverName: "a b" }).start()).rejects.toThrow(/cannot contain spaces/);
  await expect(create(other, { file: "/does/not/exist" }).start()).rejects.toThrow(/ENOENT/);
});

test("the configuration is for its owner's eyes, and the monitor is reachable when asked for", async () => {
  await using dir = await temporaryDir();
  await using server = create(dir, { monitorPort: -1, users: [{ user: "a", password: "b" }] });
  await server.start();
  const conf = join(dir.path, "nats.conf");
  expect((await stat(conf)).mode & 0o777).toBe(0o600);
  expect(await readFile(conf, "utf8")).toContain(`"sync_interval": "always"`);
  const health = (await (await fetch(`${server.monitorUrl}/healthz`)).json()) as { status: string };
  expect(health.status).toBe("ok");
  const figures = (await (await fetch(`${server.monitorUrl}/jsz`)).json()) as { config: { sync_always: boolean } };
  expect(figures.config.sync_always).toBe(true);
});

function create(dir: { path: string }, more: Partial<NatsServerProcessOptions> = {}): NatsServerProcess {
  return new NatsServerProcess({ file, dataDir: dir.path, serverName: "n1", ...more });
}

async function temporaryDir(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "jobs-nats-process-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, maxRetries: 3 }) };
}

function isAlive(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch {
    return false;
  }
}
