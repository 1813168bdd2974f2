/**
 * One attempt that the host holds: joins what the supervisor says, how far the log was shipped and what the output
 * folder has to one evidence, and says it until it was acknowledged. It is held until the server releases it.
 */
import type { Evidence, ReportMessage } from "@jobs/core";
import type { EvidenceStore, LogStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { AttemptOutput } from "./attempt-output.ts";
import { LogShipper } from "./log-shipper.ts";
import type { AttemptFolder } from "./supervisor/attempt-folder.ts";
import { findProcess, isAlive, type ProcessIdentity } from "./supervisor/process-table.ts";
import type { AttemptKey, AttemptStatus, SpoolGrowth } from "./supervisor/protocol.ts";

export interface HeldAttemptOptions {
  readonly agent: string;
  readonly key: AttemptKey;
  readonly folder: AttemptFolder;
  readonly evidence: EvidenceStore;
  readonly logs: LogStore;
  readonly session: string;
  /** True for an attempt of an earlier agent process. */
  readonly isAdopted: boolean;
  /** For how long it may run without an acknowledged beat; null: for ever. */
  readonly contactLimitMs: number | null;
  /** False until this agent's first beat was acknowledged: a cloned host has nothing to say of its original's attempts. */
  readonly maySpeak: () => boolean;
  /** How far this host's clock is ahead of the server's; undefined while nobody can tell. */
  readonly clockAheadMs: () => number | undefined;
  /** The next of a number that rises through the session. */
  readonly nextRevision: () => number;
  readonly log: Logger;
}

/** How long a start or an end may wait for what follows it at once, milliseconds. */
const SOON_MS = 10;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

export class HeldAttempt {
  readonly #options: HeldAttemptOptions;
  readonly #shipper: LogShipper;
  readonly #output: AttemptOutput;
  #status: AttemptStatus | undefined;
  #isPublishing = false;
  #soon: NodeJS.Timeout | undefined;
  #published: Promise<void> = Promise.resolve();
  #isDue = false;
  #isStopped = false;

  constructor(options: HeldAttemptOptions) {
    this.#options = options;
    const { agent, key, folder, logs, isAdopted, log } = options;
    this.#shipper = new LogShipper({
      logs,
      address: { agent, run: key.run, attempt: key.attempt },
      spoolPath: folder.spoolPath,
      notePath: folder.shippedPath,
      isAdopted,
      onCaughtUp: () => this.#onShipped(),
      log,
    });
    this.#output = new AttemptOutput({
      outputDir: folder.outputDir,
      onChange: () => this.#publishMore(),
      log: log.child({ run: key.run, attempt: key.attempt }),
    });
  }

  get key(): AttemptKey {
    return this.#options.key;
  }

  /** For how long what runs of it may do so without an acknowledged beat. */
  get contactLimitMs(): number {
    return (this.isRunning ? this.#options.contactLimitMs : null) ?? Number.POSITIVE_INFINITY;
  }

  /** False until the supervisor has journaled it. */
  get hasStatus(): boolean {
    return this.#status !== undefined;
  }

  /** True while it takes one of the host's slots. */
  get isRunning(): boolean {
    return this.#status === undefined || this.#status.phase === "accepted" || this.#status.phase === "started";
  }

  /** Nothing of it runs, or ever will: it only waits to be released. */
  get isOver(): boolean {
    return !this.isRunning && (this.#status?.exit?.leftOverPids ?? []).length === 0;
  }

  /** It never began, as far as this host remembers. */
  get isRefused(): boolean {
    return this.#status?.phase === "refused";
  }

  onStatus(status: AttemptStatus): void {
    // What it printed while nobody listened to the supervisor: that alone makes no new revision.
    this.#shipper.grow({ lengthBytes: status.log.lengthBytes });
    if (this.#status !== undefined && status.revision <= this.#status.revision) return;
    this.#status = status;
    if (status.phase === "exited") void this.#output.collect();
    if (status.phase === "refused") this.publish();
    else this.#publishSoon();
  }

  onOutput(growth: SpoolGrowth): void {
    this.#shipper.grow(growth);
  }

  /** The server wants to hear it again, or bytes of the log, or artifacts. */
  onReport({ logFrom, uploads }: ReportMessage): void {
    const from = logFrom?.[0]?.[0];
    if (from !== undefined) this.#shipper.rewind(from);
    if (uploads !== undefined) void this.#output.upload(uploads);
    if (this.#status?.phase === "exited") void this.#output.collect();
    this.publish();
  }

  /** Looks whether processes that could not be ended have gone by themselves meanwhile: their job may run again then. */
  lookForLeftOvers(): void {
    const before = this.#status?.exit?.leftOverPids ?? [];
    if (this.#status === undefined || before.length === 0) return;
    const { leftOver = [] } = this.#status;
    const leftOverPids = before.filter((pid) => mayLive(leftOver.find((one) => one.pid === pid) ?? { pid }));
    if (leftOverPids.length === before.length) return;
    this.#status = { ...this.#status, exit: { ...this.#status.exit, leftOverPids } };
    this.publish();
  }

  /** Says what is known by now, and again until it is acknowledged. */
  publish(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    if (!this.#options.maySpeak()) return; // all is said once it may
    this.#isDue = true;
    if (!this.#isPublishing) this.#published = this.#publishing();
  }

  /**
   * Says it when all of it is there, or a moment later: a short script's start and end, its log and its output are then
   * one message, and telling of the start does not get in the way of the first output.
   */
  #publishSoon(): void {
    if (this.#isWhole()) return this.publish();
    this.#soon ??= setTimeout(() => this.publish(), SOON_MS);
  }

  /** Something became known after the end. */
  #publishMore(): void {
    if (this.#soon === undefined || this.#isWhole()) this.publish();
  }

  /** All that there will ever be to say is known. */
  #isWhole(): boolean {
    const { phase, log } = this.#status ?? {};
    return (
      phase === "exited" && this.#output.files !== undefined && this.#shipper.shippedBytes >= (log?.lengthBytes ?? 0)
    );
  }

  /** Resolves when all that is known by now was acknowledged. */
  published(): Promise<void> {
    if (this.#soon !== undefined) this.publish();
    return this.#published;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#soon);
    await this.#shipper.stop();
  }

  async #publishing(): Promise<void> {
    this.#isPublishing = true;
    let pauseMs = FIRST_PAUSE_MS;
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false;
      const evidence = this.#evidence();
      if (evidence === undefined) break;
      try {
        await this.#options.evidence.put(this.#options.agent, evidence);
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        this.#isDue = true;
        this.#logUnsaid(error, pauseMs === FIRST_PAUSE_MS ? "warn" : "debug"); // once until it is acknowledged again
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
    this.#isPublishing = false;
  }

  #logUnsaid(error: unknown, level: "warn" | "debug"): void {
    if (this.#isStopped) return; // its connection was closed
    const { run, attempt } = this.key;
    this.#options.log[level](
      { err: error, run, attempt },
      "what is known of an attempt was not acknowledged; it is said again",
    );
  }

  #evidence(): Evidence | undefined {
    if (this.#status === undefined || this.#status.phase === "accepted") return undefined;
    const { job, run, attempt, fence, phase, refusal, startedAt, exitedAt, exit, log } = this.#status;
    const { session, nextRevision } = this.#options;
    const clockAheadMs = this.#options.clockAheadMs();
    const { files, leftOut } = this.#output;
    return {
      v: 1,
      job,
      run,
      attempt,
      fence: { ...fence },
      session,
      revision: nextRevision(),
      phase,
      ...(refusal === undefined ? {} : { refusal: { ...refusal } }),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
      ...(exitedAt === undefined ? {} : { exitedAt }),
      ...(exit === undefined ? {} : { exit: { ...exit, leftOverPids: [...(exit.leftOverPids ?? [])] } }),
      log: { ...log },
      shippedBytes: this.#shipper.shippedBytes,
      ...(files === undefined ? {} : { artifacts: [...files], artifactsLeftOut: leftOut }),
    };
  }

  /** While it runs nobody waits to hear how far the log was shipped; after its end the server does. */
  #onShipped(): void {
    if (this.#status?.phase === "exited") this.#publishMore();
  }
}

/** Without the start time, of a supervisor that does not say it, a later process with this number counts as well. */
function mayLive({ pid, startTicks }: Partial<ProcessIdentity> & Pick<ProcessIdentity, "pid">): boolean {
  try {
    return startTicks === undefined ? findProcess(pid) !== undefined : isAlive({ pid, startTicks });
  } catch {
    return true; // the host is too short of something to look
  }
}
