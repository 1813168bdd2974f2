import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AttemptTable } from "./attempt-table.ts";
import { bootClockMs, bootId } from "./boot-clock.ts";
import { Journal } from "./journal.ts";
import { findProcess } from "./process-table.ts";
import type { AttemptSpec } from "./protocol.ts";

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
  const { journal } = await Journal.open({ path: join(stateDir, "journal"), snapshot: () => [] });
  const status = {
    job: "job",
    run: "run-1",
    attempt: 1,
    fence: { epoch: "e1", sequence: 1 },
    revision: 3,
    phase: "exited",
    exit: { exitCode: 0, leftOverPids: [pid] },
    log: { lengthBytes: 0 },
  } as const;
  const record = { status, allowsOverlap: false, bootId: bootId(), leftOver: [{ pid, startTicks }] };
  await journal.append({ kind: "attempt", record });
  await journal.close();
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

/** A table on a state folder of its own. */
class TableFixture {
  table!: AttemptTable;
  readonly #stateDir: string;

  private constructor(stateDir: string) {
    this.#stateDir = stateDir;
  }

  static async open(stateDir?: string): Promise<TableFixture> {
    const fixture = new TableFixture(stateDir ?? (await mkdtemp(join(tmpdir(), "jobs-table-"))));
    fixture.table = await AttemptTable.open({
      stateDir: fixture.#stateDir,
      bootId: bootId(),
      environment: { PATH: process.env["PATH"] },
      onStatus: () => undefined,
      onOutput: () => undefined,
      findSession: () => "session",
      isStopping: () => false,
      log: () => undefined,
    });
    return fixture;
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
    await rm(this.#stateDir, { recursive: true });
  }
}
