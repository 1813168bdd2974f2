/**
 * The rules that no step may break. What runs is what the simulated hosts execute; what is said is what the streams hold.
 *
 *  1. Never two running attempts of one job, unless both runs froze `allow`.
 *  2. Each attempt starts at most once, and never after a record said that it did not start.
 *  3. A record says that an attempt is over only when nothing of it runs any more, but for what it lists as left over.
 *  4. Among the runs of a job that wait for each other the more urgent go first, of equal ones those that came first.
 *  5. A finished run never changes state, reason or times, and never lives again.
 *  6. What is removed from the live runs is in HISTORY; what was acknowledged is in one of the two.
 *  7. One idempotency key, one run, which stays what was asked for; its attempts only go on.
 *  8. Every run that lives has an owner and a deadline.
 *
 * What waits, what is lost, what is tried again, where runs go and what slots come to have rules of their own:
 * `waiting-rules.ts`, `loss-rules.ts`, `retry-rules.ts`, `order-rules.ts`, `slot-rules.ts`, `start-rules.ts`, `fan-out-rules.ts`.
 */
import { currentAttempt, findLeftOver, hasEnded, isBusy, isUnderWay, Run } from "@jobs/core";
import { ownerOf } from "@jobs/core/decide";
import type { SimulatedHost } from "../host/host.ts";
import type { AttemptMark } from "../host/process-table.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Message } from "../nats/stream.ts";
import { describe, nameOf } from "./describe.ts";
import { FanOutRules } from "./fan-out-rules.ts";
import { LossRules, type Running } from "./loss-rules.ts";
import { isInLine, OrderRules } from "./order-rules.ts";
import { RetryRules } from "./retry-rules.ts";
import { SlotRules } from "./slot-rules.ts";
import { StartRules } from "./start-rules.ts";
import { WaitingRules } from "./waiting-rules.ts";

const JOBS = "KV_jobs";
const HISTORY = "HISTORY";
const BEATS = "BEATS";
const SETTINGS = "$KV.jobs._settings.all";
const UTF8 = new TextDecoder();

export interface RulesOptions {
  /** No clock of a server is set. */
  readonly hasTrueClocks: boolean;
  /** Replicas may lag, for minutes even. */
  readonly hasLag: boolean;
  /** True while servers may hear beats late. */
  readonly isLagging: () => boolean;
  readonly servers: () => readonly SimulatedHost[];
}

export class Rules {
  /** The records as the streams have them. */
  readonly live = new Map<string, Run>();
  readonly finished = new Map<string, Run>();
  /** Runs that a client was told of, by id. */
  readonly acknowledged = new Map<string, { readonly job: string; readonly key: string }>();
  readonly waiting: WaitingRules;
  readonly loss: LossRules;
  readonly slots: SlotRules;
  readonly #retries: RetryRules;
  readonly #order: OrderRules;
  readonly #fanOuts: FanOutRules;
  readonly #starts: StartRules;
  readonly #kernel: Kernel;
  /** Where each attempt started. */
  readonly #started = new Map<string, string>();
  /** What runs now, by job. */
  readonly #running = new Map<string, Running[]>();
  /** Attempts that started on a host whose disk was set back since: it does not know of them, and cannot say so. */
  readonly #forgotten = new Set<string>();
  readonly #runOfKey = new Map<string, string>();

  constructor(kernel: Kernel, options: RulesOptions) {
    this.#kernel = kernel;
    this.waiting = new WaitingRules(kernel, options);
    this.loss = new LossRules(kernel, options);
    this.#retries = new RetryRules(kernel, options);
    this.slots = new SlotRules(kernel, { ...options, waiting: this.waiting });
    this.#fanOuts = new FanOutRules(kernel);
    this.#starts = new StartRules(kernel, options);
    this.#order = new OrderRules(kernel, (run) => this.#find(run));
  }

  onSpawn(mark: AttemptMark, host: SimulatedHost): void {
    const name = nameOf(mark);
    this.#kernel.count("reached: attempt started");
    this.#kernel.note(`START ${name} of ${mark.job} (${mark.overlap}) on ${host.name}`);
    const before = this.#started.get(name);
    if (before !== undefined) this.#broken(`attempt ${name} starts again on ${host.name}; it had started on ${before}`);
    this.#started.set(name, host.name);
    this.#starts.onSpawn(name);
    const record = this.live.get(mark.run) ?? this.finished.get(mark.run);
    const attempt = record?.attempts.find(({ number }) => number === mark.attempt);
    if (record !== undefined && attempt?.refusal !== undefined)
      this.#broken(`attempt ${name} starts, but its record says: ${attempt.refusal.code}`);
    if (record !== undefined && (currentAttempt(record)?.number ?? 0) > mark.attempt)
      this.#broken(`attempt ${name} starts, but its run has another one by now`);
    if (record !== undefined && hasEnded(record))
      this.#broken(`attempt ${name} starts, but its run is ${record.state}`);
    const running = this.#running.get(mark.job) ?? [];
    for (const other of running)
      if (
        (mark.overlap !== "allow" || other.mark.overlap !== "allow") &&
        !this.#isOfOneWith(other.mark.run, record) &&
        !this.loss.isExcused(other.mark)
      )
        this.#broken(
          `attempts ${nameOf(other.mark)} on ${other.host.name} and ${name} on ${host.name} of “${mark.job}” run at once`,
        );
    this.#running.set(mark.job, [...running, { mark, host }]);
  }

  /** A process of the attempt is gone; perhaps not the last one. */
  onEnd(mark: AttemptMark, host: SimulatedHost): void {
    const isThere = [...host.running()].some((one) => nameOf(one) === nameOf(mark));
    if (isThere) return;
    const others = (this.#running.get(mark.job) ?? []).filter(
      (one) => one.host !== host || nameOf(one.mark) !== nameOf(mark),
    );
    this.#running.set(mark.job, others);
    this.#kernel.note(`END ${nameOf(mark)} on ${host.name}`);
  }

  onRestored(host: SimulatedHost): void {
    for (const [name, startedOn] of this.#started) if (startedOn === host.name) this.#forgotten.add(name);
  }

  onStored(stream: string, message: Message): void {
    if (stream === HISTORY) this.#onHistory(message);
    if (stream === JOBS && message.subject === SETTINGS) this.waiting.onSettings(UTF8.decode(message.bytes));
    else if (stream === JOBS) this.#onRecord(message);
    if (stream === "INBOX") this.#starts.onMessage(UTF8.decode(message.bytes));
    const [, agent = "", kind] = message.subject.split(".");
    if (stream === BEATS && kind === "beat") this.loss.onBeat(agent, UTF8.decode(message.bytes));
  }

  onGone(stream: string): void {
    if (stream === BEATS) this.loss.onBeatsGone();
  }

  /** True while a process of the run is anywhere. */
  isRunning({ job, run }: Pick<Run, "job" | "run">): boolean {
    return (this.#running.get(job) ?? []).some(({ mark }) => mark.run === run);
  }

  /** A client was told that its submission was accepted. */
  onAcknowledged(run: string, job: string, key: string): void {
    this.#kernel.count("reached: submission acknowledged");
    const name = `${job}/${key}`;
    const known = this.#runOfKey.get(name);
    if (known !== undefined && known !== run) this.#broken(`key ${key} of “${job}” gave the runs ${known} and ${run}`);
    this.#runOfKey.set(name, run);
    this.acknowledged.set(run, { job, key });
    if (!this.live.has(run) && !this.finished.has(run)) this.#broken(`run ${run} was acknowledged and is nowhere`);
  }

  /** Accepted runs that have not come into HISTORY. */
  unfinished(): readonly Run[] {
    return [...this.live.values()].filter(({ run }) => !this.finished.has(run));
  }

  #onHistory({ bytes }: Message): void {
    const run = findRun(bytes);
    if (run === undefined) return;
    this.#kernel.count(`reached: ${run.state} ${run.reason ?? ""}`);
    const live = this.live.get(run.run);
    if (live !== undefined) this.#checkFinal(live, run);
    if (!hasEnded(run)) this.#broken(`run ${run.run} is in HISTORY and has not ended`);
    if (this.finished.has(run.run)) this.#broken(`run ${run.run} came into HISTORY again`);
    this.finished.set(run.run, run);
  }

  #onRecord({ subject, sequence, bytes, headers }: Message): void {
    const [, , , kind, id = ""] = subject.split(".");
    if (kind === "run" && headers?.get("KV-Operation")) this.#kernel.note(`REMOVED ${sequence} ${id}`);
    if (kind === "def" && headers?.get("KV-Operation")) {
      this.slots.onDefinitionDeleted(subject);
      return this.waiting.onDefinitionDeleted(subject, this.live.values());
    }
    if (kind === "def") {
      this.waiting.onDefinition(subject, UTF8.decode(bytes));
      return this.slots.onDefinition(subject, UTF8.decode(bytes));
    }
    if (kind !== "run") return;
    if (headers?.get("KV-Operation")) {
      if (!this.finished.has(id)) this.#broken(`run ${id} is removed and is not in HISTORY`);
      this.#fanOuts.onRemoved(this.live.get(id), (one) => this.#find(one));
      this.live.delete(id);
      return;
    }
    const run = findRun(bytes);
    if (run === undefined) return this.#broken(`the record of ${id} cannot be read`);
    const before = this.live.get(id);
    if (this.finished.has(id) && before === undefined) this.#broken(`run ${id} is in HISTORY and lives again`);
    this.#kernel.note(`RECORD ${sequence} of ${run.job}: ${describe(run)}`);
    if (before !== undefined) {
      this.#checkFinal(this.finished.get(id) ?? before, run);
      this.#checkSame(before, run);
    }
    const running = this.#running.get(run.job) ?? [];
    this.waiting.onRecord(before, run, (one) => this.live.get(one));
    this.loss.onRecord(run, running);
    this.#retries.onRecord(run);
    this.slots.onRecord(run);
    this.#fanOuts.onRecord(before, run, (one) => this.#find(one));
    this.#checkOwner(run);
    if (this.#isAssigned(before, run)) {
      this.#checkTurn(run);
      this.waiting.onAssigned(run);
      const others = running.filter(({ mark }) => mark.run === run.run || !this.#isOfOneWith(mark.run, run));
      this.loss.onAssigned(run, others);
      this.#retries.onAssigned(run);
      this.#order.onAssigned(run);
    }
    this.#checkAttempts(run);
    this.live.set(id, run);
  }

  /** True for two runs, not one, that are parts of the same. */
  #isOfOneWith(id: string, run: Run | undefined): boolean {
    const other = this.#find(id);
    return run !== undefined && other !== undefined && run.run !== other.run && isOfOne(run, other);
  }

  #find(run: string): Run | undefined {
    return this.finished.get(run) ?? this.live.get(run);
  }

  #checkFinal(before: Run, after: Run): void {
    if (!hasEnded(before)) return;
    const isSame =
      before.state === after.state && before.reason === after.reason && before.times.endedAt === after.times.endedAt;
    this.slots.checkFinal(before, after);
    if (!isSame)
      this.#broken(`run ${after.run} was ${before.state} ${before.reason} and becomes ${after.state} ${after.reason}`);
  }

  #checkSame(before: Run, after: Run): void {
    const isSame = before.requestDigest === after.requestDigest && before.times.submittedAt === after.times.submittedAt;
    const goesOn = (after.attempts.at(-1)?.number ?? 0) >= (before.attempts.at(-1)?.number ?? 0);
    if (!isSame || !goesOn)
      this.#broken(`run ${after.run} begins anew: ${describe(before)} becomes ${describe(after)}`);
  }

  #checkOwner(run: Run): void {
    const owner = ownerOf(run, {});
    // A range of skipped slots stays until a later slot closes it; of what a host runs the silence is the alarm.
    if (run.slot?.count !== undefined) return;
    const hasDeadline =
      owner?.deadlineAt === undefined
        ? run.state === "running" || run.partOf !== undefined
        : !Number.isNaN(Date.parse(owner.deadlineAt));
    if (owner === undefined || !hasDeadline) this.#broken(`nobody has to do the next step of ${describe(run)}`);
  }

  #isAssigned(before: Run | undefined, after: Run): boolean {
    const now = currentAttempt(after);
    return now !== undefined && (before === undefined ? undefined : currentAttempt(before))?.number !== now.number;
  }

  /** Called with the record that gets an attempt, before it is taken over. */
  #checkTurn(run: Run): void {
    this.#kernel.count("reached: attempt assigned");
    for (const other of this.live.values()) {
      if (other.job !== run.job || isOfOne(other, run) || !isBusy(other)) continue;
      if (run.overlap === "allow" && other.overlap === "allow") continue;
      if (isUnderWay(other) || hasEnded(other))
        this.#broken(`run ${run.run} gets an attempt while ${describe(other)} keeps the job busy`);
      else if (run.partOf === undefined && isInLine(other) && this.#order.goesFirst(other, run))
        this.#broken(`run ${run.run} gets an attempt before ${other.run}, which goes first`);
    }
  }

  #checkAttempts(run: Run): void {
    for (const attempt of run.attempts) {
      const name = nameOf({ run: run.run, attempt: attempt.number });
      if (attempt.refusal !== undefined && this.#started.has(name) && !this.#forgotten.has(name))
        this.#broken(`attempt ${name} has started, and its record says: ${attempt.refusal.code}`);
    }
    if (!hasEnded(run)) return;
    if (findLeftOver(run) !== undefined) return this.#kernel.count("reached: left over");
    const running = (this.#running.get(run.job) ?? []).filter(({ mark }) => mark.run === run.run);
    for (const { mark, host } of running)
      if (!this.loss.isExcused(mark))
        this.#broken(`the record says ${describe(run)}, and attempt ${nameOf(mark)} runs on ${host.name}`);
  }

  #broken(what: string): void {
    this.#kernel.fail(what);
  }
}

function findRun(bytes: Uint8Array): Run | undefined {
  try {
    return Run.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined; // a mark
  }
}

/** True for a run, its parts and those beside them. */
function isOfOne(one: Run, other: Run): boolean {
  return (one.partOf ?? one.run) === (other.partOf ?? other.run);
}
