import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { VERSION } from "../version.ts";
import { bootClockMs } from "./boot-clock.ts";
import { connectSupervisor } from "./launch.ts";
import { findProcess, listPids } from "./process-table.ts";
import { buildSupervisorBundle, processGone, SupervisedHost } from "./testing/supervised-host.ts";

const F_SETFD = 2;
/** Prints the number of a process that has left the session and has no parent any more, when it has. */
const DAEMON = "(setsid bash -c 'echo $$; touch up; exec sleep 300' &); until [ -e up ]; do sleep 0.01; done";

/** Not everybody may make namespaces. */
const mayUnshare = spawnSync("unshare", ["--pid", "--fork", "true"]).status === 0;

beforeAll(buildSupervisorBundle, 30_000);

describe("an attempt", () => {
  test("is reported with its exit code, its log and the hash of it", async () => {
    await using host = await SupervisedHost.open();
    const status = await host.run({ script: "echo out; echo err >&2; exit 7\n" });
    expect(status.exit).toEqual({ exitCode: 7 });
    const log = await host.log("run-1.1");
    expect(log.toString()).toBe("out\r\nerr\r\n");
    expect(status.log).toEqual({ lengthBytes: log.length, sha256: sha256(log) });
  });

  test("that dies of a signal is reported with the signal and no exit code", async () => {
    await using host = await SupervisedHost.open();
    expect((await host.run({ script: "kill -KILL $$\n" })).exit).toEqual({ signal: "SIGKILL" });
  });

  test("prints to a terminal and reads an input at its end", async () => {
    await using host = await SupervisedHost.open();
    const script = "[ -t 1 ] && [ -t 2 ] && ! read -r line && stty size </dev/tty\n";
    const status = await host.run({ script, columns: 120, rows: 50 });
    expect((await host.log("run-1.1")).toString()).toBe("50 120\r\n");
    expect(status.exit).toEqual({ exitCode: 0 });
  });

  test("gets no descriptor that the supervisor was started with", async () => {
    const file = openSync("/dev/null", "r");
    koffi.load(null).func("int fcntl(int, int, ...)")(file, F_SETFD, "int", 0);
    await using host = await SupervisedHost.open();
    closeSync(file);
    expect(readdirSync(`/proc/${host.client.hello.pid}/fd`)).toContain(String(file));
    await host.run({ interpreter: ["sh", "-c", "ls -x /proc/$$/fd; :"] });
    expect((await host.log("run-1.1")).toString()).toBe("0  1  2\r\n");
  });

  test("gets its own environment and nothing of the supervisor's", async () => {
    await using host = await SupervisedHost.open();
    await host.run({ script: "env; pwd\n", env: { GREETING: "hello", JOBS_FENCE: "forged" } });
    const lines = (await host.log("run-1.1")).toString().split("\r\n");
    const folder = join(host.stateDir, "attempts", "run-1.1");
    expect(lines).toEqual(
      expect.arrayContaining([
        "GREETING=hello",
        "JOBS_JOB=job",
        "JOBS_RUN=run-1",
        "JOBS_ATTEMPT_NUMBER=1",
        "JOBS_FENCE=e1:1",
        `JOBS_OUTPUT=${join(folder, "output")}`,
        "JOBS_ATTEMPT=run-1.1",
        join(folder, "work"),
      ]),
    );
    expect(lines.filter((line) => line.startsWith("VITEST"))).toEqual([]);
  });

  test("loses not one byte of 200 kB printed directly before its exit, a hundred times", async () => {
    await using host = await SupervisedHost.open();
    // By the shell itself: nothing but its exit comes between the last byte and the end.
    const script = "printf '%0200000d\\nend' 0; exit 5\n";
    const expected = sha256(Buffer.from(`${"0".repeat(200_000)}\r\nend`));
    for (let round = 1; round <= 100; round += 1) {
      const status = await host.run({ run: `run-${round}`, fence: { epoch: "e1", sequence: round }, script });
      expect(status.log).toEqual({ lengthBytes: 200_005, sha256: expected });
      expect(status.exit).toEqual({ exitCode: 5 });
    }
  }, 30_000);

  test("that leaves processes behind ends at once, and they with it", async () => {
    await using host = await SupervisedHost.open();
    const status = await host.run({ script: `${DAEMON}\nsleep 300 & echo $!\nexit 0\n` });
    expect(status.exit).toEqual({ exitCode: 0 });
    const pids = (await host.log("run-1.1")).toString().trim().split("\r\n").map(Number);
    expect(pids).toHaveLength(2);
    for (const pid of pids) expect(findProcess(pid)).toBeUndefined();
  });

  test("that was given a large environment ends with what it left behind all the same", async () => {
    await using host = await SupervisedHost.open();
    const env = Object.fromEntries(["A", "B", "C"].map((name) => [name, "x".repeat(100_000)]));
    const { exit } = await host.run({ script: `${DAEMON}\nexit 0\n`, env });
    expect(exit).toEqual({ exitCode: 0 });
    expect(findProcess(Number.parseInt((await host.log("run-1.1")).toString(), 10))).toBeUndefined();
  });

  test.skipIf(!mayUnshare)("ends with what it started inside a PID namespace of somebody else", async () => {
    await using host = await SupervisedHost.open();
    const container = spawn("unshare", ["--pid", "--fork", "sleep", "300"], { detached: true, stdio: "ignore" });
    try {
      const isInit = (pid: number): boolean => findProcess(pid)?.parentPid === container.pid;
      await vi.waitFor(() => expect(listPids().some(isInit)).toBe(true), { interval: 5 });
      const init = listPids().find(isInit);
      const script = `nsenter --target ${init} --pid sh -c 'trap "" HUP; sleep 301 & echo up'\n`;
      const { pid: leader, exit } = await host.run({ script });
      expect(exit).toEqual({ exitCode: 0 });
      expect((await host.log("run-1.1")).toString()).toBe("up\r\n");
      expect(listPids().filter((pid) => findProcess(pid)?.sessionPid === leader)).toEqual([]);
    } finally {
      process.kill(-container.pid!, "SIGKILL");
    }
  });

  test("has what tries to get away under the supervisor, not under init", async () => {
    await using host = await SupervisedHost.open();
    host.client.start(host.spec({ script: `${DAEMON}\necho ready; sleep 300\n` }));
    const pid = Number.parseInt(await host.logWith("run-1.1", "ready"), 10);
    expect(findProcess(pid)?.parentPid).toBe(host.client.hello.pid);
  });
});

describe("a cancel", () => {
  test("ends a tree that ignores SIGTERM, and its child in another session", async () => {
    await using host = await SupervisedHost.open();
    const script =
      "trap '' TERM HUP; setsid bash -c 'trap \"\" TERM; sleep 300' & echo $!; echo ready; sleep 300; sleep 300\n";
    const spec = host.spec({ script });
    host.client.start(spec);
    const log = await host.logWith("run-1.1", "ready");
    host.client.cancel(spec, spec.fence, 100);
    const { exit, pid } = await host.status(({ phase }) => phase === "exited");
    expect(exit).toEqual({ signal: "SIGKILL", cause: "cancelled" });
    expect(findProcess(pid!)).toBeUndefined();
    expect(findProcess(Number.parseInt(log, 10))).toBeUndefined();
  });

  test("lets a script that listens to SIGTERM clean up, and can be hurried but not slowed", async () => {
    await using host = await SupervisedHost.open();
    // Told before its child is there, the shell would wait for a child that was not told.
    const script = "trap 'echo bye; exit 3' TERM; (echo ready; exec sleep 300)\n";
    const polite = host.spec({ run: "a", job: "a", script });
    host.client.start(polite);
    await host.logWith("a.1", "ready");
    host.client.cancel(polite, polite.fence, 60_000);
    expect((await host.status(({ run, phase }) => run === "a" && phase === "exited")).exit).toEqual({
      exitCode: 3,
      cause: "cancelled",
    });
    expect((await host.log("a.1")).toString()).toContain("bye");

    const stubborn = host.spec({ run: "b", job: "b", script: "trap '' TERM; echo ready; while :; do sleep 1; done\n" });
    host.client.start(stubborn);
    await host.logWith("b.1", "ready");
    for (const graceMs of [60_000, 50, 60_000]) host.client.cancel(stubborn, stubborn.fence, graceMs);
    const { exit } = await host.status(({ run, phase }) => run === "b" && phase === "exited");
    expect(exit).toEqual({ signal: "SIGKILL", cause: "cancelled" });
  });
});

describe("contact", () => {
  test("that is lost for too long ends the attempt", async () => {
    await using host = await SupervisedHost.open();
    const licence = { session: "session-1", number: 1, endsAtBootMs: bootClockMs() + 60_000 };
    const status = await host.run({ licence, lostAfterMs: 400, graceMs: 200, script: "sleep 300\n" });
    expect(status.exit).toEqual({ signal: "SIGTERM", cause: "no-contact" });
  });

  test("that is kept keeps the attempt", async () => {
    await using host = await SupervisedHost.open();
    const licence = { session: "session-1", number: 1, endsAtBootMs: bootClockMs() + 60_000 };
    const beats = setInterval(() => host.client.beat(bootClockMs()), 50);
    const status = await host.run({ licence, lostAfterMs: 2_100, graceMs: 100, script: "sleep 2.5\n" });
    clearInterval(beats);
    expect(status.exit).toEqual({ exitCode: 0 });
  });

  test("of an agent that comes back finds the attempt as it is, and the log goes on without a gap", async () => {
    await using host = await SupervisedHost.open();
    const go = join(host.stateDir, "go");
    const script = `for i in $(seq 1 2000); do echo "line $i"; done; while [ ! -e ${go} ]; do sleep 0.01; done; echo the end\n`;
    host.client.start(host.spec({ script }));
    await host.logWith("run-1.1", "line 2000");
    host.client.close();
    const { hello } = await host.connect("session-2");
    expect(hello.generation).toBe(VERSION);
    expect(hello.attempts.map(({ phase }) => phase)).toEqual(["started"]);
    execFileSync("touch", [go]);
    const { exit, log } = await host.status(({ phase }) => phase === "exited");
    expect(exit).toEqual({ exitCode: 0 });
    const lines = (await host.log("run-1.1")).toString().split("\r\n");
    expect(lines).toEqual([...Array.from({ length: 2000 }, (_, index) => `line ${index + 1}`), "the end", ""]);
    expect(log.sha256).toBe(sha256(await host.log("run-1.1")));
  });

  test("of an agent whose environment has changed lets the scripts from then on have the new one", async () => {
    await using host = await SupervisedHost.open();
    const { pid } = host.client.hello;
    const folder = join(host.stateDir, "programs");
    await mkdir(folder);
    await symlink(process.execPath, join(folder, "new-node"));
    const PATH = `${folder}:${process.env["PATH"]}`;
    const { hello } = await host.connect("session-1", { ...process.env, PATH, TZ: "Asia/Tokyo", TOKEN: "secret" });
    expect(hello.pid).toBe(pid);
    const script = "console.log([process.env.PATH, process.env.TZ, process.env.TOKEN].join())";
    const { exit } = await host.run({ interpreter: ["new-node"], script });
    expect(exit).toEqual({ exitCode: 0 });
    expect((await host.log("run-1.1")).toString().trim()).toBe(`${PATH},Asia/Tokyo,`);
  });

  test("by a newer agent ends the older one", async () => {
    await using host = await SupervisedHost.open();
    const older = host.client;
    const closed = host.closed(older);
    const { hello } = await host.connect("session-2");
    await closed;
    expect(hello.pid).toBe(older.hello.pid);
  });
});

describe("a supervisor that was killed", () => {
  test("leaves no script running, and its successor says that nobody saw the end", async () => {
    await using host = await SupervisedHost.open();
    const script = `${DAEMON}; trap '' HUP TERM; echo ready; while :; do sleep 1; done\n`;
    host.client.start(host.spec({ script }));
    const started = await host.status(({ phase }) => phase === "started");
    const daemon = Number.parseInt(await host.logWith("run-1.1", "ready"), 10);
    await host.killSupervisor();
    const { hello } = await host.connect();
    const [status] = hello.attempts;
    expect(status?.exit).toEqual({ cause: "supervisor-ended" });
    expect(status?.revision).toBeGreaterThan(started.revision);
    const log = await host.log("run-1.1");
    expect(status?.log).toEqual({ lengthBytes: log.length }); // that it is all of it nobody knows
    expect(findProcess(started.pid!)).toBeUndefined();
    expect(findProcess(daemon)).toBeUndefined();
  });

  test("hangs up on its scripts, also on one beside which another ignores that", async () => {
    await using host = await SupervisedHost.open();
    host.client.start(
      host.spec({ run: "a", job: "a", script: "trap '' HUP TERM; echo ready; while :; do sleep 1; done\n" }),
    );
    await host.logWith("a.1", "ready");
    host.client.start(host.spec({ run: "b", job: "b", script: "echo ready; sleep 300\n" }));
    await host.logWith("b.1", "ready");
    const pidOf = async (name: string): Promise<number> =>
      (await host.status(({ run, phase }) => run === name && phase === "started")).pid!;
    const [a, b] = [await pidOf("a"), await pidOf("b")];
    await host.killSupervisor();
    await processGone(b);
    expect(findProcess(a)).toBeDefined();
  });

  test("never has an attempt started again", async () => {
    await using host = await SupervisedHost.open();
    const counter = join(host.stateDir, "starts");
    const spec = host.spec({ script: `echo started >> ${counter}\n` });
    host.client.start(spec);
    const first = await host.status(({ phase }) => phase === "exited");
    await host.killSupervisor();
    await host.connect();
    host.statuses.length = 0;
    host.client.start(spec);
    expect(await host.status(() => true)).toEqual(first);
    expect(await readFile(counter, "utf8")).toBe("started\n");
  });
});

describe("a release", () => {
  test("removes what the host keeps of an attempt that is over, and nothing of one that runs", async () => {
    await using host = await SupervisedHost.open();
    const running = host.spec({ run: "a", job: "a", script: "echo ready; sleep 300\n" });
    host.client.start(running);
    await host.logWith("a.1", "ready");
    await host.run({ run: "b", job: "b" });
    host.client.release("a", 1);
    host.client.release("b", 1);
    // Messages are taken in order, and the journal syncs in order: this answer is behind both.
    await host.run({ run: "c", job: "c" });
    const { hello } = await host.connect();
    expect(hello.attempts.map(({ run, phase }) => `${run} ${phase}`)).toEqual(["a started", "c exited"]);
    expect(existsSync(join(host.stateDir, "attempts", "a.1", "spool"))).toBe(true);
  });
});

describe("the supervisor", () => {
  test("ends everything and itself on a stop", async () => {
    await using host = await SupervisedHost.open();
    host.client.start(host.spec({ script: "echo ready; sleep 300\n" }));
    await host.logWith("run-1.1", "ready");
    const closed = host.closed(host.client);
    host.client.stop(100);
    expect((await host.status(({ phase }) => phase === "exited")).exit).toEqual({
      signal: "SIGTERM",
      cause: "host-stopped",
    });
    await closed;
    await processGone(host.client.hello.pid);
  });

  test("ends by itself when nothing is left to do for it", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "jobs-supervisor-"));
    const nothing = (): void => undefined;
    const listener = { onHello: nothing, onStatus: nothing, onOutput: nothing, onClosed: nothing };
    const client = await connectSupervisor({ stateDir, env: process.env, session: "s", listener, idleExitMs: 30 });
    client.close();
    await processGone(client.hello.pid);
    await rm(stateDir, { recursive: true });
  });

  test.skipIf(process.getuid?.() !== 0)(
    "lets a script run on when the disk is full, and calls the log incomplete",
    async () => {
      const disk = await mkdtemp(join(tmpdir(), "jobs-supervisor-"));
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]);
      try {
        await using host = await SupervisedHost.open(join(disk, "state"));
        const status = await host.run({ script: "head -c 3000000 /dev/zero | tr '\\0' x; exit 9\n" });
        expect(status.exit).toEqual({ exitCode: 9 });
        expect(status.log.sha256).toBeUndefined();
        expect(status.log.lengthBytes + (status.log.droppedBytes ?? 0)).toBe(3_000_000);
        expect((await host.log("run-1.1")).length).toBe(status.log.lengthBytes);
      } finally {
        execFileSync("umount", ["--lazy", disk]);
        await rm(disk, { recursive: true });
      }
    },
  );
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
