/** All attempts that the host holds, from the server's message to the release; and the way to the supervisor. */
import type {
  Beat,
  CancelMessage,
  InboxMessage,
  Licence,
  ReleaseMessage,
  ReportMessage,
  StartMessage,
} from "@jobs/core";
import type { EvidenceStore, LogStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { HeldAttempt, type HeldAttemptOptions } from "./held-attempt.ts";
import { ServerTime } from "./server-time.ts";
import { isRefusal, payloadOf } from "./start-request.ts";
import { AttemptFolder } from "./supervisor/attempt-folder.ts";
import { attemptName } from "./supervisor/attempt-record.ts";
import type { SupervisorClient } from "./supervisor/client.ts";
import { contactLimitMsOf } from "./supervisor/deadline.ts";
import { heldBackUntil } from "./supervisor/held-back.ts";
import type { AttemptKey, AttemptStatus, Refusal, SpoolGrowth } from "./supervisor/protocol.ts";

export interface AttemptsOptions {
  readonly agent: string;
  readonly session: string;
  readonly stateDir: string;
  readonly slots: number;
  readonly evidence: EvidenceStore;
  readonly logs: LogStore;
  /** See {@link HeldAttempt}: false until the first beat was acknowledged, and once another agent has this identity. */
  readonly maySpeak: () => boolean;
  readonly findLiveLicence: (licence: Licence) => { readonly endsAtBootMs: number } | undefined;
  /** The connection to the supervisor, while there is one. */
  readonly supervisor: () => SupervisorClient | undefined;
  readonly log: Logger;
}

const COLUMNS = 160;
const ROWS = 100;
/** A beat lists all that is held, and must be smaller than the 1 MB that a message may have: some 9,000 fit. */
const HELD_MAX = 2_000;

type HoldOptions = Partial<Pick<HeldAttemptOptions, "isAdopted" | "contactLimitMs">>;

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #held = new Map<string, HeldAttempt>();
  readonly #serverTime = new ServerTime();
  /** Attempts whose start is being handed over just now. */
  readonly #starting = new Set<string>();
  #revision = 0;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** What a beat lists. */
  held(): Beat["held"] {
    return [...this.#held.values()].map(({ key: { job, run, attempt }, isOver, isRefused }) => ({
      job,
      run,
      attempt,
      ...(isOver ? { isOver } : {}),
      ...(isRefused ? { isRefused } : {}),
    }));
  }

  /** For how long all that runs may do so without an acknowledged beat; Infinity: for ever. */
  contactLimitMs(): number {
    return Math.min(...[...this.#held.values()].map((held) => held.contactLimitMs));
  }

  onMessage(message: InboxMessage): void {
    switch (message.kind) {
      case "start":
        return void this.#start(message);
      case "cancel":
        return this.#cancel(message);
      case "report":
        return this.#report(message);
      case "release":
        return void this.#release(message);
    }
  }

  /** What the supervisor held when the agent connected to it; what else was handed over did not reach it, and never will. */
  adopt(statuses: readonly AttemptStatus[]): void {
    const journaled = new Set(statuses.map(nameOf));
    for (const name of this.#held.keys()) {
      if (!journaled.has(name) && !this.#starting.has(name)) this.#held.delete(name);
    }
    for (const status of statuses) this.onStatus(status);
  }

  onStatus(status: AttemptStatus): void {
    const { job, run, attempt, contactLimitMs = null } = status;
    // One that this process did not hand over is an earlier one's.
    const held =
      this.#held.get(nameOf(status)) ?? this.#hold({ job, run, attempt }, { isAdopted: true, contactLimitMs });
    held.onStatus(status);
  }

  onOutput(run: string, attempt: number, growth: SpoolGrowth): void {
    this.#held.get(nameOf({ run, attempt }))?.onOutput(growth);
  }

  /** See {@link HeldAttempt.lookForLeftOvers}. */
  lookForLeftOvers(): void {
    for (const held of this.#held.values()) held.lookForLeftOvers();
  }

  /** Says everything again: the store may have forgotten it. */
  publishAll(): void {
    for (const held of this.#held.values()) held.publish();
  }

  /** Resolves when all that is known was acknowledged, or after the time given. */
  async published(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
    await Promise.race([limit, Promise.all([...this.#held.values()].map((held) => held.published()))]);
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => held.stop()));
  }

  async #start(message: StartMessage): Promise<void> {
    const { job, run, attempt, sentAt, startAt } = message;
    if (sentAt !== undefined) this.#serverTime.onMessage(Date.parse(sentAt), Date.now());
    const startAtMs = startAt === undefined ? undefined : this.#serverTime.onHostMs(Date.parse(startAt));
    const name = nameOf(message);
    const known = this.#held.get(name);
    if (known?.hasStatus === true) return known.publish();
    if (this.#starting.has(name)) return;
    const noRoom = this.#findNoRoom();
    this.#starting.add(name);
    // From here on every beat lists it: the server must not take it for one that never came.
    if (known === undefined) this.#hold({ job, run, attempt }, { contactLimitMs: contactLimitMsOf(message) });
    try {
      await this.#handOver(message, { noRoom, startAtMs });
    } catch (error) {
      this.#options.log.warn(
        { err: error, run, attempt },
        "a start could not be handed over; the server sends it again",
      );
      // It may have been cancelled meanwhile: the supervisor holds it then, until it is released.
      if (this.#held.get(name)?.hasStatus !== true) this.#held.delete(name);
    } finally {
      this.#starting.delete(name);
    }
  }

  async #handOver(
    message: StartMessage,
    { noRoom, startAtMs }: { readonly noRoom: string | undefined; readonly startAtMs: number | undefined },
  ): Promise<void> {
    const { job, run, attempt, fence, licence, overlap, lostAfterMs, graceMs, timeoutMs, silenceMs } = message;
    const payload = await payloadOf(message);
    // A supervisor of an older agent lives on with its attempts.
    if (this.#options.supervisor()?.hello.holdsStarts !== true) await heldBackUntil(startAtMs);
    const supervisor = this.#options.supervisor();
    if (supervisor === undefined) throw new Error("there is no supervisor just now");
    const live = this.#options.findLiveLicence(licence);
    const refuse = (refusal: Refusal): void => supervisor.refuse({ job, run, attempt }, fence, refusal);
    if (isRefusal(payload)) return refuse(payload);
    if (noRoom !== undefined) return refuse({ code: "no-room", message: noRoom });
    if (live === undefined)
      return refuse({ code: "no-licence", message: "The licence that it was assigned under is over." });
    supervisor.start({
      job,
      run,
      attempt,
      fence,
      allowsOverlap: overlap === "allow",
      licence: { session: licence.session, number: licence.number, endsAtBootMs: live.endsAtBootMs },
      lostAfterMs,
      graceMs,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(silenceMs === undefined ? {} : { silenceMs }),
      ...(startAtMs === undefined ? {} : { startAtMs }),
      script: payload.script,
      interpreter: payload.interpreter,
      env: payload.env,
      columns: COLUMNS,
      rows: ROWS,
    });
  }

  #findNoRoom(): string | undefined {
    const held = [...this.#held.values()];
    if (held.filter(({ isRunning }) => isRunning).length >= this.#options.slots)
      return `All ${this.#options.slots} slots are taken.`;
    if (held.length >= HELD_MAX) return `The host holds ${held.length} attempts that the server has not released.`;
    return undefined;
  }

  #cancel({ job, run, attempt, fence, graceMs }: CancelMessage): void {
    const key: AttemptKey = { job, run, attempt };
    if (!this.#held.has(nameOf(key))) this.#hold(key);
    this.#options.supervisor()?.cancel(key, fence, graceMs);
  }

  #report(message: ReportMessage): void {
    this.#held.get(nameOf(message))?.onReport(message);
  }

  async #release({ run, attempt }: ReleaseMessage): Promise<void> {
    const held = this.#held.get(nameOf({ run, attempt }));
    if (held?.isRunning !== false) return; // nothing that runs is forgotten, whoever says so
    await held.stop();
    this.#options.supervisor()?.release(run, attempt);
    this.#held.delete(nameOf({ run, attempt }));
  }

  #hold(key: AttemptKey, { isAdopted = false, contactLimitMs = null }: HoldOptions = {}): HeldAttempt {
    const { agent, session, stateDir, evidence, logs, maySpeak, log } = this.#options;
    const folder = new AttemptFolder(stateDir, attemptName(key.run, key.attempt));
    const held = new HeldAttempt({
      agent,
      key,
      folder,
      evidence,
      logs,
      session,
      isAdopted,
      contactLimitMs,
      maySpeak,
      clockAheadMs: () => this.#serverTime.aheadMs,
      nextRevision: () => ++this.#revision,
      log,
    });
    this.#held.set(nameOf(key), held);
    return held;
  }
}

function nameOf({ run, attempt }: { run: string; attempt: number }): string {
  return `${run}.${attempt}`;
}
