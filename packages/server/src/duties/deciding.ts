/**
 * All that only the deciding server does: takes evidence, reconciles, sends messages, settles, releases. It begins when
 * the lease is gained and stops when it is lost; nothing is kept beside what the streams hold.
 */
import {
  currentAttempt,
  hasEnded,
  isWaiting,
  type Beat,
  type Evidence,
  type HostReport,
  type Run,
  type Service,
} from "@jobs/core";
import { wantedFor } from "@jobs/core/decide";
import type { EvidenceStore, StreamWatch } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { Dependents } from "../projection/dependents.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import { levelOf } from "./decided.ts";
import type { Decider } from "./decider.ts";
import { DueJobs } from "./due-jobs.ts";
import type { Enroller } from "./enroller.ts";
import type { EvidenceDesk } from "./evidence-desk.ts";
import type { HistoryEraser } from "./history-eraser.ts";
import type { HistoryKeeper } from "./history-keeper.ts";
import type { Messenger } from "./messenger.ts";
import { Places } from "./places.ts";
import type { Releaser } from "./releaser.ts";
import type { Settler } from "./settler.ts";

export interface DecidingOptions {
  readonly evidence: EvidenceStore;
  readonly desk: EvidenceDesk;
  readonly jobs: JobsProjection;
  readonly dependents: Dependents;
  readonly agents: AgentsProjection;
  readonly decider: Decider;
  readonly messenger: Messenger;
  readonly settler: Settler;
  readonly releaser: Releaser;
  readonly enroller: Enroller;
  readonly historyKeeper: HistoryKeeper;
  readonly eraser: HistoryEraser;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** How often every run that hosts have is looked at, milliseconds. */
const ROUND_MS = 1_000;
/** Of jobs whose runs only wait so many in a round: there may be very many, and what happens to them is heard of. */
const WAITING_A_ROUND = 1_000;
/** When all there is has to be decided on, so many jobs have their turn, and then what has come meanwhile. */
const JOBS_A_TURN = 1_000;
const FOR_A_HOST: ReadonlySet<Run["waitingFor"]> = new Set(["agent", "slot", "all-paused"]);

export class Deciding {
  readonly #options: DecidingOptions;
  readonly #due: DueJobs;
  readonly #places: Places;
  #watch: StreamWatch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isActive = false;

  constructor(options: DecidingOptions) {
    this.#options = options;
    this.#due = new DueJobs({ ...options, reconcile: (job) => this.#reconcile(job) });
    this.#places = new Places({
      ...options,
      reconcile: (job) => (this.#isActive ? this.#reconcile(job) : Promise.resolve()),
    });
    options.jobs.on("run", (run) => this.#onRun(run));
    options.jobs.on("removed", (run) => this.#onRemoved(run));
    options.jobs.on("defined", (job) => this.#onDefined(job));
    options.jobs.on("settings", () => void this.#reconcileAll());
  }

  start(): Promise<void> {
    if (this.#isActive) return Promise.resolve();
    const { evidence, desk, log } = this.#options;
    log.info("its view is confirmed: its duties begin");
    desk.clear();
    this.#watch = evidence.watch({
      onEvidence: (agent, one) => void this.#onEvidence(agent, one),
      onReady: () => this.#round(),
      onError: (error) => log.warn({ err: error }, "the watch of EVENTS broke and begins again"),
    });
    this.#timer = setInterval(() => this.#round(), ROUND_MS);
    this.#isActive = true;
    this.#due.start(this.#options.jobs.names());
    return this.#options.historyKeeper.start();
  }

  async stop(): Promise<void> {
    if (!this.#isActive) return;
    this.#isActive = false;
    clearInterval(this.#timer);
    this.#due.stop();
    await Promise.all([this.#watch?.stop(), this.#options.historyKeeper.stop()]);
  }

  /** For the life of the server: it starts idle, the lease wakes it, and it stops with the server. */
  asStandby(): Service {
    const stop = (): Promise<void> => this.stop();
    return { start: () => Promise.resolve(), stop, [Symbol.asyncDispose]: stop };
  }

  onBeat(agent: string, beat: Beat, isBack: boolean): void {
    if (!this.#isActive) return;
    this.#options.releaser.onBeat(agent, beat);
    void this.#options.enroller.onBeat(agent, beat);
    if (isBack) this.#places.fill(agent);
  }

  /** Its record has changed: it may drain, or take on runs again. */
  onAgent(agent: string): void {
    if (this.#isActive) this.#places.fill(agent);
  }

  onReport(agent: string, report: HostReport): void {
    if (this.#isActive) void this.#options.enroller.onReport(agent, report);
  }

  onFinished(run: Run): void {
    if (this.#isActive) this.#options.releaser.onFinished(run.run);
  }

  async #onEvidence(agent: string, evidence: Evidence): Promise<void> {
    if (this.#options.releaser.onEvidence(agent, evidence)) return;
    if (this.#options.desk.take(agent, evidence)) await this.#decideOn(agent, evidence);
  }

  async #decideOn(agent: string, evidence: Evidence): Promise<void> {
    try {
      await this.#options.decider.onEvidence(agent, evidence);
    } catch (error) {
      this.#options.log[levelOf(error)](
        { err: error, run: evidence.run },
        "evidence could not be decided on; the next round does",
      );
      return;
    }
    const live = this.#options.jobs.find(evidence.run);
    if (live !== undefined) this.#next(live.run, live.sequence);
  }

  #onRun(run: Run): void {
    if (!this.#isActive) return;
    const sequence = this.#options.jobs.find(run.run)?.sequence ?? 0;
    this.#next(run, sequence);
    this.#due.set(run.job);
    if (hasEnded(run)) for (const { job } of this.#options.dependents.of(run.run)) void this.#reconcile(job);
    // An attempt that is over, or never was, leaves its place to others.
    const last = run.attempts.at(-1);
    if (last !== undefined && (hasEnded(run) || currentAttempt(run) === undefined))
      return void this.#places.onLeft(last.agent, run.job);
    // It may go on, or make room, or ask others to. One that is alone and waits for a host goes on by that host.
    const isAlone =
      isWaiting(run) && FOR_A_HOST.has(run.waitingFor) && this.#options.jobs.view(run.job).runs.length === 1;
    if (isAlone && run.waitingFor === "slot") this.#places.onWaits(run);
    if (!isAlone && (hasEnded(run) || isWaiting(run) || run.fanOut !== undefined)) void this.#reconcile(run.job);
  }

  #onDefined(job: string): void {
    if (!this.#isActive) return;
    this.#due.set(job);
    void this.#reconcile(job);
  }

  #onRemoved(run: Run): void {
    this.#options.desk.forget(run.run);
  }

  /** Does what a run's record asks for. */
  #next(run: Run, sequence: number): void {
    if (wantedFor(run) === "settle") void this.#options.settler.settle(run);
    void this.#options.messenger.send(run, sequence);
  }

  /** False when it failed, and is done again. */
  async #reconcile(job: string): Promise<boolean> {
    try {
      await this.#options.decider.reconcile(job);
      return true;
    } catch (error) {
      this.#options.log.debug({ err: error, job }, "reconciling a job failed; it is done again");
      this.#due.tryAgain(job);
      return false;
    }
  }

  /**
   * Looks at every run that hosts have, and at some that wait: what a crash, a lost message or a lost evidence left undone
   * is done now.
   */
  #round(): void {
    if (!this.#isActive) return;
    for (const [agent, report] of this.#options.agents.reports()) void this.#options.enroller.onReport(agent, report);
    for (const [agent, beat] of this.#options.agents.withoutInbox()) void this.#options.enroller.onBeat(agent, beat);
    const { agents, jobs } = this.#options;
    const toReconcile = new Set<string>();
    for (const { run, sequence } of jobs.handed()) {
      this.#next(run, sequence);
      toReconcile.add(run.job);
      const undecided = this.#options.desk.findUndecided(run);
      const of = run.attempts.find(({ number }) => number === undecided?.attempt);
      if (undecided !== undefined && of !== undefined) void this.#decideOn(of.agent, undecided);
    }
    this.#options.eraser.round();
    for (const { id } of agents.views()) this.#places.fill(id);
    for (const job of jobs.nextLiveJobs(WAITING_A_ROUND)) toReconcile.add(job);
    for (const job of toReconcile) void this.#reconcile(job);
  }

  /** In line, by and by: there may be very many. Settings that change meanwhile begin it anew. */
  async #reconcileAll(): Promise<void> {
    const { sequence } = this.#options.jobs.settings;
    const isOver = (): boolean => !this.#isActive || this.#options.jobs.settings.sequence !== sequence;
    if (isOver()) return;
    const jobs = [...this.#options.jobs.liveJobs()];
    for (let from = 0; from < jobs.length && !isOver(); from += JOBS_A_TURN)
      await Promise.all(jobs.slice(from, from + JOBS_A_TURN).map((job) => this.#reconcile(job)));
  }
}
