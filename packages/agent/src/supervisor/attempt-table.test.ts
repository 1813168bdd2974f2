import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AttemptRecord } from "./attempt-record.ts";
import { AttemptTable } from "./attempt-table.ts";
import { bootClockMs, bootId } from "./boot-clock.ts";
import { Journal } from "./journal.ts";
import { findProcess } from "./process-table.ts";
import type { AttemptSpec, AttemptStatus } from "./protocol.ts";
import { limit } from "./testing/limit.ts";

test("an attempt that is still being journaled is told to an agent that connects just then", async () => {
  await using host = await TableFixture.open();
  const started = host.table.start(host.spec("run-1", 1));
  expect(host.table.all().map(({ heldStatus }) => [heldStatus.run, heldStatus.phase])).toEqual([["run-1", "accepted"]]);
  await (
    await started
  )?.ended;
});

test("a job may run again once what an earlier attempt left over is gone, and that one is released", async () => {
  const leftOver = spawn("sleep", ["300"]);
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-table-"));
  const { pid, startTicks } = findProcess(leftOver.pid!)!;
  const status = { phase: "exited", exit: { exitCode: 0, leftOverPids: [pid] } } as const;
  await journalAttempt(stateDir, status, { leftOver: [{ pid, startTicks }] });
  await using host = await TableFixture.open(stateDir);
  await host.table.start(host.spec("run-2", 2));
  expect(host.refusalOf("run-2")).toBe("held");
  leftOver.kill("SIGKILL");
  await once(leftOver, "exit");
  const attempt = await host.table.start(host.spec("run-3", 3));
  await attempt?.ended;
  expect(host.refusalOf("run-3")).toBeUndefined();
  await host.table.release("run-1", 1);
  expect(host.table.all().map(({ heldStatus }) => heldStatus.run)).toEqual(["run-2", "run-3"]);
});

test("on a full disk a release makes room all the same; a later start tells of the attempt again", async () => {
  await using host = await TableFixture.open();
  await (
    await host.table.start(host.spec("run-1", 1))
  )?.ended;
  {
    using _ = host.fullDisk();
    await expect(host.table.release("run-1", 1)).rejects.toThrow("EFBIG");
    expect(existsSync(join(host.stateDir, "attempts", "run-1.1"))).toBe(false);
  }
  await host.open();
  expect(host.table.all().map(({ status }) => [status?.run, status?.exit])).toEqual([["run-1", { exitCode: 0 }]]);
  await host.table.release("run-1", 1);
  await host.open();
  expect(host.table.all()).toEqual([]);
});

test("on a full disk what a supervisor that is gone has left open is ended, told and released", async () => {
  await using host = await TableFixture.open();
  await journalAttempt(host.stateDir, { phase: "accepted" });
  await mkdir(join(host.stateDir, "attempts", "run-1.1"), { recursive: true });
  using _ = host.fullDisk();
  await host.open();
  expect(host.table.all().map(({ status }) => status?.exit)).toEqual([{ cause: "supervisor-ended" }]);
  await expect(host.table.release("run-1", 1)).rejects.toThrow("EFBIG");
  expect(existsSync(join(host.stateDir, "attempts", "run-1.1"))).toBe(false);
});

test.skipIf(process.getuid?.() !== 0)("a folder that cannot be removed is told, and keeps nothing else", async () => {
  await using host = await TableFixture.open();
  const attempts = join(host.stateDir, "attempts");
  const mounted = join(attempts, "run-1.1", "work", "mounted here");
  for (const path of [mounted, join(attempts, "run-0.1"), join(attempts, "run-2.1")])
    await mkdir(path, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", mounted]);
  await writeFile(join(mounted, "of somebody else"), "x");
  try {
    await host.open();
    expect(host.logged).toEqual([expect.stringContaining(`a file system is mounted on ${mounted}`)]);
    expect(existsSync(join(mounted, "of somebody else"))).toBe(true);
    expect(["run-0.1", "run-2.1"].filter((name) => existsSync(join(attempts, name)))).toEqual([]);
  } finally {
    execFileSync("umount", [mounted]);
  }
  await host.open();
  expect(existsSync(join(attempts, "run-1.1"))).toBe(false);
});

/** What a supervisor that is gone has journaled of `run-1`. */
async function journalAttempt(
  stateDir: string,
  change: Pick<AttemptStatus, "phase" | "exit">,
  more: Pick<AttemptRecord, "leftOver"> = {},
): Promise<void> {
  const { journal } = await Journal.open({ path: join(stateDir, "journal"), snapshot: () => [] });
  const identity = { job: "job", run: "run-1", attempt: 1, fence: { epoch: "e1", sequence: 1 } };
  const status = { ...identity, revision: 3, log: { lengthBytes: 0 }, ...change };
  await journal.append({ kind: "attempt", record: { status, allowsOverlap: false, bootId: bootId(), ...more } });
  await journal.close();
}

/** A table on a state folder of its own. */
class TableFixture {
  table!: AttemptTable;
  readonly stateDir: string;
  readonly logged: string[] = [];

  private constructor(stateDir: string) {
    this.stateDir = stateDir;
  }

  static async open(stateDir?: string): Promise<TableFixture> {
    const fixture = new TableFixture(stateDir ?? (await mkdtemp(join(tmpdir(), "jobs-table-"))));
    await fixture.open();
    return fixture;
  }

  /** As the next supervisor does it. */
  async open(): Promise<void> {
    await (this.table as AttemptTable | undefined)?.close();
    this.table = await AttemptTable.open({
      stateDir: this.stateDir,
      bootId: bootId(),
      environment: () => ({ PATH: process.env["PATH"] }),
      onStatus: () => undefined,
      onOutput: () => undefined,
      findSession: () => "session",
      isStopping: () => false,
      log: (message) => this.logged.push(message),
    });
  }

  /** Until that is disposed, no record gets into the journal any more. */
  fullDisk(): Disposable {
    return limit("fileSize", statSync(join(this.stateDir, "journal")).size);
  }

  spec(run: string, sequence: number): AttemptSpec {
    return {
      job: "job",
      run,
      attempt: 1,
      fence: { epoch: "e1", sequence },
      allowsOverlap: false,
      licence: { session: "session", number: 1, endsAtBootMs: bootClockMs() + 60_000 },
      lostAfterMs: null,
      graceMs: 0,
      script: "true\n",
      interpreter: ["sh"],
      env: {},
      columns: 80,
      rows: 24,
    };
  }

  refusalOf(run: string): string | undefined {
    return this.table.all().find(({ heldStatus }) => heldStatus.run === run)?.heldStatus.refusal?.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.table.close();
    await rm(this.stateDir, { recursive: true });
  }
}
