import { setTimeout as delay } from "node:timers/promises";
import { AttemptFolder } from "./attempt-folder.ts";
import { programOf } from "./attempt-program.ts";
import { attemptName, type AttemptRecord } from "./attempt-record.ts";
import { ProcessTree } from "./containment.ts";
import { markerOf } from "./environment.ts";
import { heldBackUntil } from "./held-back.ts";
import type { Journal } from "./journal.ts";
import type { LeaderExit } from "./leaders.ts";
import { openMask, type Mask } from "./mask.ts";
import { isAlive, type ProcessIdentity } from "./process-table.ts";
import type {
  AttemptExit,
  AttemptKey,
  AttemptLog,
  AttemptSpec,
  AttemptStatus,
  EndCause,
  HostEnvironment,
  Refusal,
  SpoolGrowth,
} from "./protocol.ts";
import { Pty, type PtyProgram } from "./pty.ts";
import { isShortage } from "./shortage.ts";
import { measureSpool, Spool } from "./spool.ts";

/** What a script leaves running behind it gets this long to end by itself. */
const LEFT_OVER_GRACE_MS = 2_000;
/** A start is told so long after it, milliseconds: that does not get in the way of the script, and a short one has ended. */
const SOON_MS = 20;
const JOURNAL_RETRY_MS = 1_000;
/** More than the statuses that a supervisor may have sent, but not journaled, before it was killed. */
const RECOVERY_REVISIONS = 10;

export interface AttemptHost {
  readonly stateDir: string;
  readonly bootId: string;
  readonly environment: () => HostEnvironment;
  readonly journal: Pick<Journal, "append">;
  readonly onStatus: (status: AttemptStatus) => void;
  readonly onOutput: (attempt: Attempt, growth: Required<SpoolGrowth>) => void;
  readonly log: (message: string) => void;
}

/**
 * One attempt on this host.
 *
 *     accepted ── spawned ──► started ── leader gone, log closed, tree empty ──► exited
 *        └── licence over, cancelled, no room ──► refused
 *
 * - `accepted` is journaled before anything is spawned. So after a crash, an attempt that is not in the journal never
 *   ran, and one that is may have run, unless its folder still holds the script: it is ended (`recover`), never started again.
 * - `refused` and `exited` are told only once they are journaled, so a successor can say nothing else. `started` is told
 *   a moment later: losing it changes nothing, as `accepted` already stands for "may have run".
 */
export class Attempt {
  readonly name: string;
  readonly folder: AttemptFolder;
  /** Resolves when nothing of it runs any more (or never will) and that was told. */
  readonly ended: Promise<void>;
  readonly #host: AttemptHost;
  readonly #accepted: AttemptStatus;
  #record: AttemptRecord;
  #told: AttemptStatus | undefined;
  #spool: Spool | undefined;
  #pty: Pty | undefined;
  #tree: ProcessTree | undefined;
  #mask: Mask = openMask;
  #leaderExit: LeaderExit | undefined;
  #endCause: EndCause | undefined;
  #hasPrinted = false;
  #isFinishing = false;
  #soon: NodeJS.Timeout | undefined;
  #isReleased = false;
  #resolveEnded!: () => void;

  constructor(host: AttemptHost, record: AttemptRecord, options?: { readonly wasJournaled: boolean }) {
    this.#host = host;
    this.#record = record;
    this.#accepted = record.status;
    this.name = attemptName(record.status.run, record.status.attempt);
    this.folder = new AttemptFolder(host.stateDir, this.name);
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    if (options?.wasJournaled) this.#told = record.status;
    if (this.isOver()) this.#resolveEnded();
  }

  get key(): AttemptKey {
    return this.#record.status;
  }

  get job(): string {
    return this.#record.status.job;
  }

  get allowsOverlap(): boolean {
    return this.#record.allowsOverlap;
  }

  /** The newest of it, told or not. */
  get record(): AttemptRecord {
    return this.#record;
  }

  /** What may be told of it; undefined before its first record was journaled. */
  get status(): AttemptStatus | undefined {
    if (this.#told?.phase !== "started" || this.#spool === undefined) return this.#told;
    return { ...this.#told, log: this.#spool.log };
  }

  /** What a greeting says of it: also one whose first record is still on its way to the disk is held here. */
  get heldStatus(): AttemptStatus {
    return this.status ?? this.#accepted;
  }

  isOver(): boolean {
    const { phase } = this.#record.status;
    return phase === "refused" || phase === "exited";
  }

  /** True while a process of it may be there: then no other attempt of the job may start. */
  isHeld(): boolean {
    if (!this.isOver()) return true;
    return this.#record.bootId === this.#host.bootId && (this.#record.leftOver ?? []).some(isAlive);
  }

  /** Journals, then starts, at its instant when it has one; `findLateRefusal` has the last word directly before the spawn. */
  async carryOut(spec: AttemptSpec, findLateRefusal: () => Refusal | undefined): Promise<void> {
    const accepted = this.#host.journal.append({ kind: "attempt", record: this.#record });
    const stored = this.#store(spec.script);
    // Both to their end, also when one fails: what is still being made cannot be cleared away.
    const failure = (await Promise.allSettled([accepted, stored])).find(({ status }) => status === "rejected");
    if (failure?.status === "rejected")
      return this.refuse({ code: "no-room", message: `the host cannot store it: ${messageOf(failure.reason)}` });
    this.#told ??= this.#record.status;
    try {
      const program = programOf(spec, this.folder, this.#host);
      await heldBackUntil(spec.startAtMs);
      const refusal = this.#findEndRefusal() ?? findLateRefusal();
      if (refusal !== undefined) return await this.refuse(refusal);
      this.#spawn(program);
    } catch (error) {
      const code = isShortage(error) ? "no-room" : "spawn-failed";
      return this.refuse({ code, message: `the host cannot start a process: ${messageOf(error)}` });
    }
  }

  async refuse(refusal: Refusal): Promise<void> {
    await this.#spool?.close().catch(() => undefined);
    await this.#conclude({ phase: "refused", refusal });
  }

  /** Ends it, whatever it does: SIGTERM, the grace, SIGKILL. The first cause counts, and the shortest grace. */
  async end(cause: EndCause, graceMs: number): Promise<void> {
    if (this.#leaderExit === undefined) this.#endCause ??= cause;
    if (this.#tree === undefined || this.isOver()) return;
    const leftOver = await this.#tree.end(graceMs);
    // The leader itself cannot be killed, so its exit may never come.
    if (leftOver.length > 0 && this.#leaderExit === undefined) this.#pty?.abandon();
  }

  /** True when it has printed something since this was asked for the last time, or may have, unread. */
  takePrinted(): boolean {
    const hasPrinted = this.#hasPrinted;
    this.#hasPrinted = this.#spool?.isPressed === true;
    return hasPrinted;
  }

  /** Nobody needs it any more: to be called after it is over. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await this.folder.remove();
  }

  /** For an attempt that the journal left open: its supervisor is gone, and how it ended nobody has seen. */
  async recover(): Promise<void> {
    const { bootId, leader } = this.#record;
    const isSameBoot = bootId === this.#host.bootId;
    const knowsSession = leader !== undefined && isAlive(leader);
    const tree = new ProcessTree({ leader, knowsSession, marker: this.#marker() });
    const leftOver = isSameBoot ? await tree.end(0) : [];
    if (isSameBoot && leftOver.length === 0 && this.folder.holdsScript())
      return this.refuse({ code: "stopping", message: "its supervisor ended before it was to begin" });
    this.#endCause = isSameBoot ? "supervisor-ended" : "host-restarted";
    // Without a hash: what was printed last may not have been read, or written, or has gone with the host.
    const log = { lengthBytes: measureSpool(this.folder.spoolPath) };
    await this.#concludeExit(log, { leftOver, revisions: RECOVERY_REVISIONS });
  }

  #findEndRefusal(): Refusal | undefined {
    if (this.#endCause === undefined) return undefined;
    const code = this.#endCause === "cancelled" ? "cancelled" : "stopping";
    return { code, message: "it was ended before it began" };
  }

  async #store(script: string): Promise<void> {
    this.folder.create(script);
    this.#spool = await Spool.open({
      path: this.folder.spoolPath,
      onWritten: (growth) => this.#host.onOutput(this, growth),
      onPressure: (isPressed) => (isPressed ? this.#pty?.pause() : this.#pty?.resume()),
      onDropped: (error) => this.#host.log(`log of ${this.name} ends early: ${messageOf(error)}`),
    });
  }

  #spawn(program: PtyProgram): void {
    this.folder.handOutScript();
    const pty = Pty.spawn(program, {
      onBytes: (bytes) => this.#take(bytes),
      onLeaderExit: (exit) => {
        this.#leaderExit = exit;
        this.#tree?.noteExit();
      },
      onDrained: (isWhole) => void this.#finish(isWhole),
    });
    const { leader } = pty;
    this.#pty = pty;
    this.#tree = new ProcessTree({ leader, lowestPid: leader.pid, knowsSession: true, marker: this.#marker() });
    this.#change({ phase: "started", pid: leader.pid, startedAt: new Date().toISOString() });
    this.#soon = setTimeout(() => this.#tellStarted(leader), SOON_MS);
  }

  #tellStarted({ pid, startTicks }: ProcessIdentity): void {
    this.#record = { ...this.#record, leader: { pid, startTicks } };
    void this.#journalRecord();
    this.#tell();
  }

  #take(bytes: Buffer): void {
    this.#hasPrinted = true;
    this.#spool?.push(this.#mask.push(bytes));
  }

  async #finish(isWhole: boolean): Promise<void> {
    if (this.#isFinishing || this.#spool === undefined || this.#tree === undefined) return;
    this.#isFinishing = true;
    this.#spool.push(this.#mask.flush());
    const log = await this.#spool.close(isWhole);
    const leftOver = await this.#tree.end(LEFT_OVER_GRACE_MS);
    await this.#concludeExit(log, { leftOver });
  }

  async #concludeExit(
    log: AttemptLog,
    { leftOver, revisions }: { readonly leftOver: readonly ProcessIdentity[]; readonly revisions?: number },
  ): Promise<void> {
    const exit: AttemptExit = {
      ...this.#leaderExit,
      ...(this.#endCause === undefined ? {} : { cause: this.#endCause }),
      ...(leftOver.length === 0 ? {} : { leftOverPids: leftOver.map(({ pid }) => pid) }),
    };
    const exitedAt = new Date().toISOString();
    const revision = this.#record.status.revision + (revisions ?? 1);
    const left = leftOver.length === 0 ? {} : { leftOver };
    await this.#conclude({ phase: "exited", exit, exitedAt, log, revision, ...left }, left);
  }

  /** Journals the last word on this attempt and tells it. A full disk delays the journal, not the word. */
  async #conclude(changes: Partial<AttemptStatus>, more: Partial<AttemptRecord> = {}): Promise<void> {
    clearTimeout(this.#soon);
    this.#change(changes, more);
    for (let isWritten = false; !isWritten && !this.#isReleased;) {
      isWritten = await this.#journalRecord();
      if (this.#told !== this.#record.status) this.#tell();
      this.#resolveEnded();
      if (!isWritten) await delay(JOURNAL_RETRY_MS);
    }
  }

  #change(changes: Partial<AttemptStatus>, more: Partial<AttemptRecord> = {}): void {
    const { status } = this.#record;
    this.#record = { ...this.#record, ...more, status: { ...status, revision: status.revision + 1, ...changes } };
  }

  async #journalRecord(): Promise<boolean> {
    try {
      await this.#host.journal.append({ kind: "attempt", record: this.#record });
      return true;
    } catch (error) {
      this.#host.log(`cannot journal ${this.name}: ${messageOf(error)}`);
      return false;
    }
  }

  #tell(): void {
    this.#told = this.#record.status;
    this.#host.onStatus(this.status ?? this.#told);
  }

  #marker(): readonly string[] {
    return markerOf(this.#record.status, this.#host.stateDir).map(([name, value]) => `${name}=${value}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
