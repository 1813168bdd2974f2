import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Attempt, LogFrame, Run, StoredLog } from "@jobs/core";
import { FileStore } from "@jobs/core/artifacts";
import { connectNats, ensureTopology, entryOf, LogStore } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test } from "vitest";
import { z } from "zod";
import { Dependents } from "../projection/dependents.ts";
import { FinishedRecords } from "../projection/finished-records.ts";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { RunPresenter } from "../projection/run-presenter.ts";
import { Runs } from "../projection/runs.ts";
import { AT, sampleAttempt, sampleRun } from "../testing/sample-run.ts";
import { LogKeeper } from "./log-keeper.ts";
import { LogReader, type LogPosition } from "./log-reader.ts";

const PIECE = 64 * 1024;
const MIB = 1024 * 1024;
const RUN = "run00001";
const PATIENCE_MS = 300;

const CONNECTION = z.object({ name: z.string(), subscriptions_list: z.array(z.string()).optional() });

/** A server's view of one run, its log in LOGS, and a reader that is not patient. */
async function open() {
  const nats = await startNats({ monitorPort: -1 });
  const [host, link] = await Promise.all(["host", "server"].map((name) => connectNats({ url: nats.url, name })));
  if (host === undefined || link === undefined) throw new Error("two connections");
  await ensureTopology(link, () => 1);
  const directory = await mkdtemp(join(tmpdir(), "log-reader-"));
  const artifacts = new FileStore({ directory, secret: "s", baseUrl: () => "", now: Date.now });
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const history = new HistoryIndex();
  const presenter = new RunPresenter({
    jobs,
    dependents: new Dependents(jobs),
    stateOf: () => undefined,
    silence: { sinceHeardMs: () => 0 },
    nowMs: () => Date.parse(AT),
  });
  const records = new FinishedRecords({ read: () => Promise.resolve(undefined) });
  const runs = new Runs({ jobs, history, presenter, records, catchUp: () => Promise.resolve(), mayDecide: () => true });
  const [hostLogs, logs] = [new LogStore(host), new LogStore(link)];
  const log = pino({ level: "silent" });
  const reader = new LogReader({ logs, artifacts, runs, jobs, log, patienceMs: PATIENCE_MS });
  const keeper = new LogKeeper({ logs: hostLogs, artifacts });
  let sequence = 0;
  const gone = new AbortController();
  return {
    link,
    /** What the server's connection listens to, as nats-server has it. */
    listensTo: async (): Promise<readonly string[]> => {
      const answer = await fetch(`${nats.nodes[0]?.monitorUrl}/connz?subs=1`);
      const { connections } = z.object({ connections: z.array(CONNECTION) }).parse(await answer.json());
      return connections.find(({ name }) => name === "server")?.subscriptions_list ?? [];
    },
    /** What the server's connection took so far, bytes. */
    takenBytes: () => link.connection.stats().inBytes,
    change: (change: Partial<Run>) =>
      jobs.apply(entryOf({ kind: "run", run: sampleRun({ run: RUN, state: "running", ...change }) }, ++sequence)),
    print: async (bytes: Uint8Array, { attempt = 1, from = 0 } = {}) => {
      for (let at = 0; at < bytes.length; at += PIECE)
        await hostLogs.append(
          { agent: "alpha", run: RUN, attempt },
          { offset: from + at, bytes: bytes.subarray(at, at + PIECE) },
        );
    },
    /** Keeps the log of each attempt, and lets the run be finished. */
    settle: async (attempts: readonly Attempt[]) => {
      const kept = attempts.map(async ({ number, agent, log: end = { lengthBytes: 0 } }) => {
        const address = { job: "nightly", agent, run: RUN, attempt: number };
        const { log: stored = { lengthBytes: 0, complete: false } } = await keeper.keep(address, end, true);
        return { attempt: number, log: stored, artifacts: [] };
      });
      const output = { location: "here", attempts: await Promise.all(kept) };
      const times = { submittedAt: AT, endedAt: AT, settledAt: AT };
      runs.onFinished(sampleRun({ run: RUN, state: "completed", attempts: [...attempts], output, times }), 1);
    },
    read: (position: LogPosition = { from: 0 }) => new Reading(reader.read(RUN, position, gone.signal)),
    [Symbol.asyncDispose]: async () => {
      gone.abort();
      await Promise.all([host.connection.close(), link.connection.close()]);
      await nats[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** Takes one frame after the other, and notes all that it was told. */
class Reading {
  /** Bytes of each attempt, and when it was told that all was read: `1:200`, `caught-up`. */
  readonly told: string[] = [];
  readonly #bytes = new Map<number, Uint8Array[]>();
  readonly #lengths = new Map<number, number>();
  readonly #frames: AsyncGenerator<LogFrame | "caught-up", StoredLog | undefined>;

  constructor(frames: AsyncGenerator<LogFrame | "caught-up", StoredLog | undefined>) {
    this.#frames = frames;
  }

  bytesOf(attempt: number): Buffer {
    return Buffer.concat(this.#bytes.get(attempt) ?? []);
  }

  /** Of the first attempt. */
  get lengthBytes(): number {
    return this.#lengths.get(1) ?? 0;
  }

  /** In the middle. */
  async leave(): Promise<void> {
    await this.#frames.return(undefined);
  }

  /** Up to the first thing that is as wanted; without a wish up to the end. */
  async until(isWanted: (next: LogFrame | "caught-up") => boolean = () => false): Promise<StoredLog | undefined> {
    for (;;) {
      const { done, value } = await this.#frames.next();
      if (done === true) return value;
      if (value === "caught-up") this.told.push(value);
      else this.#take(value);
      if (isWanted(value)) return undefined;
    }
  }

  #take({ attempt, offset, bytes }: LogFrame): void {
    const pieces = this.#bytes.get(attempt) ?? [];
    if (pieces.length === 0) this.told.push(`attempt ${attempt}`);
    this.#bytes.set(attempt, pieces);
    pieces.push(bytes);
    expect(offset).toBe(this.#lengths.get(attempt) ?? 0);
    this.#lengths.set(attempt, offset + bytes.length);
  }
}

const anyBytes = (next: LogFrame | "caught-up"): boolean => next !== "caught-up";
const caughtUp = (next: LogFrame | "caught-up"): boolean => next === "caught-up";
const endOf = (bytes: Uint8Array) => ({
  lengthBytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex"),
});
const FAILED = { exit: { exitCode: 75 }, retryAt: AT };

test("a run that is settled while its stored log is read: the rest comes from the store, and nobody is told before that all was read", async () => {
  await using opened = await open();
  const bytes = randomBytes(5 * MIB);
  opened.change({ attempts: [sampleAttempt()] });
  await opened.print(bytes);
  const reading = opened.read();
  await reading.until(anyBytes);
  await opened.settle([sampleAttempt({ exit: { exitCode: 0 }, log: endOf(bytes) })]);
  expect(await reading.until()).toEqual({ ...endOf(bytes), complete: true });
  expect(reading.bytesOf(1).equals(bytes)).toBe(true);
  expect(reading.told).toEqual(["attempt 1"]);
});

test("a later attempt that begins while the stored log is read waits until all of it was given", async () => {
  await using opened = await open();
  const [first, second] = [randomBytes(5 * MIB), randomBytes(100)];
  opened.change({ attempts: [sampleAttempt()] });
  await opened.print(first);
  const reading = opened.read();
  await reading.until(anyBytes);
  const attempts = [sampleAttempt({ ...FAILED, log: endOf(first) }), sampleAttempt({ number: 2 })];
  opened.change({ attempts });
  await opened.print(second, { attempt: 2 });
  await reading.until(caughtUp);
  expect(reading.told).toEqual(["attempt 1", "attempt 2", "caught-up"]);
  expect(reading.bytesOf(1).equals(first)).toBe(true);
  expect(reading.bytesOf(2).equals(second)).toBe(true);
});

test("what is printed is heard as it comes, then the next attempt from its beginning", async () => {
  await using opened = await open();
  opened.change({ attempts: [sampleAttempt()] });
  const reading = opened.read();
  await reading.until(caughtUp);
  const coming = reading.until(anyBytes);
  await opened.print(Buffer.from("one "));
  await coming;
  const next = reading.until((frame) => frame !== "caught-up" && frame.attempt === 2);
  await opened.print(Buffer.from("two"), { from: 4 });
  const log = endOf(Buffer.from("one two"));
  opened.change({ attempts: [sampleAttempt({ ...FAILED, log }), sampleAttempt({ number: 2 })] });
  await opened.print(Buffer.from("again"), { attempt: 2 });
  await next;
  expect([1, 2].map((attempt) => reading.bytesOf(attempt).toString())).toEqual(["one two", "again"]);
});

test.each(["what is stored", "what is printed"])(
  "who leaves while %s is read listens to nothing any more",
  async (what) => {
    await using opened = await open();
    opened.change({ attempts: [sampleAttempt()] });
    await opened.print(randomBytes(5 * MIB));
    const before = await opened.listensTo();
    const reading = opened.read();
    await reading.until(anyBytes);
    if (what === "what is printed") {
      await reading.until(caughtUp);
      const coming = reading.until(anyBytes);
      await opened.print(Buffer.from("more"), { from: 5 * MIB });
      await coming;
    }
    expect(await opened.listensTo()).not.toEqual(before);
    await reading.leave();
    await expect.poll(opened.listensTo).toEqual(before);
  },
);

test("of an earlier attempt all is read that is there, however long the reader takes, and it is said whether it is complete", async () => {
  await using opened = await open();
  const bytes = randomBytes(MIB);
  const [stored, last] = [bytes.subarray(0, -2 * PIECE), bytes.subarray(-2 * PIECE)];
  const log = endOf(bytes);
  opened.change({ attempts: [sampleAttempt({ ...FAILED, log }), sampleAttempt({ number: 2 })] });
  await opened.print(stored);
  const reading = opened.read({ from: 0, attempt: 1, only: true });
  const takesItsTime = (): Promise<void> => delay(PATIENCE_MS * 1.5);
  await reading.until(anyBytes);
  await takesItsTime();
  await reading.until(() => reading.lengthBytes === stored.length);
  for (const at of [0, PIECE]) {
    await opened.print(last.subarray(at, at + PIECE), { from: stored.length + at });
    await reading.until(() => reading.lengthBytes === stored.length + at + PIECE);
    await takesItsTime();
  }
  expect(await reading.until()).toEqual({ ...log, complete: true });
  expect(reading.bytesOf(1).equals(bytes)).toBe(true);
  expect(reading.told).toEqual(["attempt 1"]);
});

test.each([
  ["bytes are missing", { lengthBytes: 10, sha256: "00" }, 10],
  ["its host gives no hash", { lengthBytes: 7 }, 7],
  ["LOGS has more than its host", { lengthBytes: 3, sha256: "00" }, 7],
  ["its host fell silent", undefined, 7],
])("an earlier attempt's log is not called complete when %s, and is not waited for", async (_, log, lengthBytes) => {
  await using opened = await open();
  opened.change({ attempts: [sampleAttempt({ ...FAILED, log }), sampleAttempt({ number: 2 })] });
  await opened.print(Buffer.from("one two"));
  const reading = opened.read({ from: 0, attempt: 1, only: true });
  expect(await reading.until()).toMatchObject({ lengthBytes, complete: false });
  expect(reading.bytesOf(1).toString()).toBe("one two");
  const both = opened.read({ from: 0, attempt: 1 });
  await both.until(caughtUp);
  expect(both.bytesOf(1).toString()).toBe("one two");
});

test("a follower that falls behind reads on in LOGS where it was, not from the beginning", async () => {
  await using opened = await open();
  const bytes = randomBytes(8 * MIB);
  opened.change({ attempts: [sampleAttempt()] });
  await opened.print(bytes.subarray(0, 4 * MIB));
  const reading = opened.read();
  await reading.until(caughtUp);
  for (let from = 4 * MIB; from < bytes.length; from += 2 * MIB) {
    // One piece is taken as it comes; while the others come nobody reads.
    const coming = reading.until(() => reading.lengthBytes > from);
    await opened.print(bytes.subarray(from, from + PIECE), { from });
    await coming;
    await opened.print(bytes.subarray(from + PIECE, from + 2 * MIB), { from: from + PIECE });
    await reading.until(() => reading.lengthBytes >= from + 2 * MIB);
  }
  expect(reading.bytesOf(1).equals(bytes)).toBe(true);
  // All of it from LOGS, and each time the MiB beyond which it listens no more.
  expect(opened.takenBytes()).toBeLessThan(bytes.length + 4 * MIB);
});

test("a follower whose place in LOGS is another one by now finds what follows all the same", async () => {
  await using opened = await open();
  opened.change({ attempts: [sampleAttempt()] });
  for (let from = 0; from < 100; from++) await opened.print(Buffer.of(from), { from });
  const reading = opened.read();
  await reading.until(caughtUp);
  await opened.link.jsm.streams.delete("LOGS"); // as a restore of NATS does it, to a time before
  await ensureTopology(opened.link, () => 1);
  const bytes = randomBytes(3 * MIB);
  const coming = reading.until(anyBytes);
  await opened.print(bytes.subarray(0, PIECE), { from: 100 });
  await coming;
  await opened.print(bytes.subarray(PIECE), { from: 100 + PIECE });
  await reading.until(() => reading.lengthBytes === 100 + bytes.length);
  expect(reading.bytesOf(1).subarray(100).equals(bytes)).toBe(true);
});

test("of a run that is over an attempt that never was is refused, also when it is waited for", async () => {
  await using opened = await open();
  const never = { code: "invalid-request", field: "attempt", message: `Run ${RUN} has no attempt 9.` };
  const attempts = [sampleAttempt({ exit: { exitCode: 0 }, log: endOf(Buffer.of()) })];
  opened.change({ attempts });
  const waits = [true, false].map(async (only) => {
    const reading = opened.read({ from: 0, attempt: 9, only });
    await reading.until(caughtUp);
    return () => reading.until();
  });
  const ends = (await Promise.all(waits)).map((end) => end());
  const refused = Promise.all(ends.map((end) => expect(end).rejects.toMatchObject(never)));
  opened.change({ state: "completed", attempts, times: { submittedAt: AT, endedAt: AT } });
  await refused;
  await opened.settle(attempts);
  for (const only of [true, false])
    await expect(opened.read({ from: 0, attempt: 9, only }).until()).rejects.toMatchObject(never);
  expect(await opened.read({ from: 0, attempt: 1, only: true }).until()).toMatchObject({ complete: true });
});
