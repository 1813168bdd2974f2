import { execFileSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import type { AttemptRecord, JournalRecord } from "./attempt-record.ts";
import { Attempt, type AttemptHost } from "./attempt.ts";
import { bootId } from "./boot-clock.ts";
import type { AttemptSpec, AttemptStatus } from "./protocol.ts";
import { limit } from "./testing/limit.ts";

test("what cannot be journaled is not started", async () => {
  await using fixture = await AttemptFixture.make();
  fixture.failJournal("accepted");
  await fixture.attempt.carryOut(fixture.spec, () => undefined);
  await fixture.attempt.ended;
  expect(fixture.attempt.status?.refusal?.code).toBe("no-room");
  expect(existsSync(fixture.proof)).toBe(false);
});

test("a licence that ended while the journal synced stops the start at the last moment", async () => {
  await using fixture = await AttemptFixture.make();
  const refusal = { code: "no-licence", message: "it has ended" } as const;
  await fixture.attempt.carryOut(fixture.spec, () => {
    expect(fixture.journaled).toEqual(["accepted"]);
    return refusal;
  });
  expect(fixture.attempt.status?.refusal).toEqual(refusal);
  expect(existsSync(fixture.proof)).toBe(false);
});

test("a cancel before the start stops it", async () => {
  await using fixture = await AttemptFixture.make();
  const carriedOut = fixture.attempt.carryOut(fixture.spec, () => undefined);
  await fixture.attempt.end("cancelled", 0);
  await carriedOut;
  expect(fixture.attempt.status?.refusal?.code).toBe("cancelled");
  expect(existsSync(fixture.proof)).toBe(false);
});

test("a start is held back until its instant; all else is done by then", async () => {
  await using fixture = await AttemptFixture.make();
  const startAtMs = Date.now() + 150;
  let askedAtMs = 0;
  await fixture.attempt.carryOut({ ...fixture.spec, startAtMs }, () => void (askedAtMs = Date.now()));
  expect(askedAtMs).toBeGreaterThanOrEqual(startAtMs);
  await fixture.attempt.ended;
  expect(Date.parse(fixture.attempt.status?.startedAt ?? "")).toBeGreaterThanOrEqual(startAtMs);
  expect(fixture.attempt.status?.exit).toEqual({ exitCode: 0 });
});

test("a cancel while a start is held back stops it", async () => {
  await using fixture = await AttemptFixture.make();
  const carriedOut = fixture.attempt.carryOut({ ...fixture.spec, startAtMs: Date.now() + 900 }, () => undefined);
  await expect.poll(() => fixture.attempt.status?.phase).toBe("accepted");
  await fixture.attempt.end("cancelled", 0);
  await carriedOut;
  expect(fixture.attempt.status?.refusal?.code).toBe("cancelled");
  expect(existsSync(fixture.proof)).toBe(false);
});

test("a start that its supervisor did not live to see is refused by the successor: it may be tried again", async () => {
  await using fixture = await AttemptFixture.make();
  const carriedOut = fixture.attempt.carryOut({ ...fixture.spec, startAtMs: Date.now() + 900 }, () => undefined);
  await expect.poll(() => fixture.attempt.status?.phase).toBe("accepted");
  const successor = fixture.successor();
  await successor.recover();
  expect(successor.status).toMatchObject({ phase: "refused", refusal: { code: "stopping" } });
  await fixture.attempt.end("cancelled", 0);
  await carriedOut;
  expect(existsSync(fixture.proof)).toBe(false);
});

test("no start is held back for longer than a second, however clocks were set", async () => {
  await using fixture = await AttemptFixture.make();
  const atMs = performance.now();
  await fixture.attempt.carryOut({ ...fixture.spec, startAtMs: Date.now() + 3_600_000 }, () => undefined);
  await fixture.attempt.ended;
  expect(performance.now() - atMs).toBeGreaterThanOrEqual(1_000);
  expect(existsSync(fixture.proof)).toBe(true);
});

test("an interpreter that the host cannot execute is said to be that", async () => {
  await using fixture = await AttemptFixture.make();
  const interpreter = join(dirname(fixture.proof), "interpreter");
  await writeFile(interpreter, "#!/no/such/program\n", { mode: 0o700 });
  await fixture.attempt.carryOut({ ...fixture.spec, interpreter: [interpreter] }, () => undefined);
  expect(fixture.attempt.status?.refusal).toEqual({
    code: "spawn-failed",
    message: `the host cannot start a process: ENOENT: No such file or directory, posix_spawn ${interpreter}`,
  });
});

test("a host that is too short of something to start a process has no room just now", async () => {
  await using fixture = await AttemptFixture.make();
  let limited: Disposable | undefined;
  await fixture.attempt.carryOut(fixture.spec, () => void (limited = limit("descriptors", 0)));
  limited?.[Symbol.dispose]();
  expect(fixture.attempt.status?.refusal).toEqual({
    code: "no-room",
    message: "the host cannot start a process: EMFILE: Too many open files, posix_openpt",
  });
});

test("an end is told only once it is journaled", async () => {
  await using fixture = await AttemptFixture.make();
  await fixture.attempt.carryOut(fixture.spec, () => undefined);
  await fixture.attempt.ended;
  expect(existsSync(fixture.proof)).toBe(true);
  expect(fixture.history.indexOf("journaled exited")).toBeLessThan(fixture.history.indexOf("told exited"));
});

test("an end that the disk refuses is told all the same, and journaled when there is room", async () => {
  await using fixture = await AttemptFixture.make();
  fixture.failJournal("exited");
  await fixture.attempt.carryOut(fixture.spec, () => undefined);
  await fixture.attempt.ended;
  expect(fixture.attempt.status?.exit).toEqual({ exitCode: 0 });
  expect(fixture.journaled).not.toContain("exited");
  await fixture.nextJournaled;
  expect(fixture.journaled).toContain("exited");
});

test("the word of a successor counts for more than what was told and did not get into the journal", async () => {
  await using fixture = await AttemptFixture.make();
  await fixture.attempt.carryOut(fixture.spec, () => undefined);
  await fixture.attempt.ended;
  const successor = fixture.successor();
  await successor.recover();
  expect(successor.status?.exit).toEqual({ cause: "supervisor-ended" });
  expect(successor.status?.revision).toBeGreaterThan(fixture.attempt.status!.revision);
});

test("a script whose output waits for the disk is not called silent", async () => {
  await using fixture = await AttemptFixture.make();
  const { attempt, proof } = fixture;
  const script = `until [ -e ${proof} ]; do head -c 65536 /dev/zero; done\n`;
  await attempt.carryOut({ ...fixture.spec, script }, () => undefined);
  {
    await using _ = stalledDisk(dirname(proof));
    const isUnread = (): boolean => attempt.takePrinted() && attempt.takePrinted();
    await vi.waitFor(() => expect(isUnread()).toBe(true), { timeout: 20_000 });
  }
  await writeFile(proof, "");
  await attempt.ended;
  attempt.takePrinted();
  expect(attempt.takePrinted()).toBe(false);
});

/** Until that is disposed, no file is opened, read or written by this process but synchronously: all threads wait at a pipe. */
function stalledDisk(folder: string): AsyncDisposable {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  const readers = Array.from({ length: threads }, () => open(pipe, "r"));
  return {
    async [Symbol.asyncDispose]() {
      const writer = openSync(pipe, "r+");
      for (const reader of readers) await (await reader).close();
      closeSync(writer);
    },
  };
}

/** One attempt on a journal that can fail. */
class AttemptFixture {
  readonly attempt: Attempt;
  readonly spec: AttemptSpec;
  /** A file that the script makes. */
  readonly proof: string;
  readonly history: string[] = [];
  readonly nextJournaled: Promise<void>;
  readonly #stateDir: string;
  readonly #host: AttemptHost;
  readonly #accepted: AttemptRecord;
  #failingPhase: AttemptStatus["phase"] | undefined;
  #resolveJournaled!: () => void;

  private constructor(stateDir: string) {
    this.#stateDir = stateDir;
    this.proof = join(stateDir, "proof");
    this.nextJournaled = new Promise((resolve) => (this.#resolveJournaled = resolve));
    const identity = { job: "job", run: "run-1", attempt: 1, fence: { epoch: "e1", sequence: 1 } };
    this.spec = {
      ...identity,
      allowsOverlap: false,
      licence: { session: "s", number: 1, endsAtBootMs: Number.MAX_SAFE_INTEGER },
      lostAfterMs: null,
      graceMs: 0,
      script: `touch ${this.proof}\n`,
      interpreter: ["sh"],
      env: {},
      columns: 80,
      rows: 24,
    };
    this.#host = {
      stateDir,
      bootId: bootId(),
      environment: () => ({}),
      journal: { append: (record) => this.#append(record) },
      onStatus: ({ phase }) => this.history.push(`told ${phase}`),
      onOutput: () => undefined,
      log: () => undefined,
    };
    this.#accepted = {
      status: { ...identity, revision: 1, phase: "accepted", log: { lengthBytes: 0 } },
      allowsOverlap: false,
      bootId: bootId(),
    };
    this.attempt = new Attempt(this.#host, this.#accepted);
  }

  static async make(): Promise<AttemptFixture> {
    return new AttemptFixture(await mkdtemp(join(tmpdir(), "jobs-attempt-")));
  }

  get journaled(): readonly string[] {
    return this.history.flatMap((entry) => (entry.startsWith("journaled ") ? [entry.slice(10)] : []));
  }

  /** The attempt as the next supervisor has it when nothing but its first record got into the journal. */
  successor(): Attempt {
    return new Attempt(this.#host, this.#accepted, { wasJournaled: true });
  }

  /** The next record of this phase does not get into the journal; the one after it does. */
  failJournal(phase: AttemptStatus["phase"]): void {
    this.#failingPhase = phase;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#stateDir, { recursive: true });
  }

  async #append(record: JournalRecord): Promise<void> {
    const phase = record.kind === "attempt" ? record.record.status.phase : "released";
    if (phase === this.#failingPhase) {
      this.#failingPhase = undefined;
      throw new Error("no space left on device");
    }
    this.history.push(`journaled ${phase}`);
    if (phase === "exited") this.#resolveJournaled();
  }
}
