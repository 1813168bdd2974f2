import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { JournalRecord } from "./attempt-record.ts";
import { Attempt } from "./attempt.ts";
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

/** One attempt on a journal that can fail. */
class AttemptFixture {
  readonly attempt: Attempt;
  readonly spec: AttemptSpec;
  /** A file that the script makes. */
  readonly proof: string;
  readonly history: string[] = [];
  readonly nextJournaled: Promise<void>;
  readonly #stateDir: string;
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
    this.attempt = new Attempt(
      {
        stateDir,
        bootId: bootId(),
        environment: {},
        journal: { append: (record) => this.#append(record) },
        onStatus: ({ phase }) => this.history.push(`told ${phase}`),
        onOutput: () => undefined,
        log: () => undefined,
      },
      {
        status: { ...identity, revision: 1, phase: "accepted", log: { lengthBytes: 0 } },
        allowsOverlap: false,
        bootId: bootId(),
      },
    );
  }

  static async make(): Promise<AttemptFixture> {
    return new AttemptFixture(await mkdtemp(join(tmpdir(), "jobs-attempt-")));
  }

  get journaled(): readonly string[] {
    return this.history.flatMap((entry) => (entry.startsWith("journaled ") ? [entry.slice(10)] : []));
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
