/**
 * What this server tells Prometheus. Gauges are measured at each scrape from what the server holds in memory anyway;
 * counters and histograms count what passes. Each server has a registry of its own: several may live in one process.
 */
import {
  currentAttempt,
  ERROR_CODES,
  isGivenUp,
  type ErrorCode,
  type Reason,
  type Run,
  type RunState,
} from "@jobs/core";
import { Counter, Histogram, Registry } from "prom-client";
import type { HistoryIndex } from "../projection/history-index.ts";
import { measureAgents, type AgentFiguresOptions } from "./agent-figures.ts";
import { createGauges, type Gauges } from "./gauges.ts";
import { processMetrics } from "./process-metrics.ts";
import { measureRuns, type RunFiguresOptions } from "./run-figures.ts";
import { measureServer, roundTripSeconds, type RoundTripOptions, type ServerFiguresOptions } from "./server-figures.ts";

export interface MetricsOptions {
  readonly jobs: RunFiguresOptions["jobs"] & AgentFiguresOptions["jobs"] & ServerFiguresOptions["jobs"];
  readonly finished: Pick<HistoryIndex, "endings">;
  readonly agents: AgentFiguresOptions["agents"];
  readonly presenter: RunFiguresOptions["presenter"];
  readonly lease: ServerFiguresOptions["lease"];
  readonly mark: ServerFiguresOptions["mark"];
  readonly connection: RoundTripOptions["connection"];
  readonly isConnected: () => boolean;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
}

type Outcome = "stored" | "conflict" | "unknown";

const OUTCOMES: readonly Outcome[] = ["stored", "conflict", "unknown"];

/** Why slots of a schedule are skipped. */
const SLOT_REASONS: readonly Reason[] = ["overlap", "dst-gap", "missed", "paused", "blackout", "no-agent"];

/** How runs end, for series that are there before the first run ends so. Other pairs show once there is one. */
const ENDINGS: Partial<Record<RunState, readonly Reason[]>> = {
  completed: ["exit"],
  failed: [
    "exit",
    "signal",
    "timeout",
    "lost",
    "host-restarted",
    "host-stopped",
    "supervisor-ended",
    "refused-by-agent",
    "hosts-failed",
  ],
  cancelled: ["cancelled-by", "replaced-by"],
  skipped: ["replaced-by", "expired-in-queue", "dependency-failed", ...SLOT_REASONS],
};

const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  readonly #gauges: Gauges = createGauges(this.#registry);
  readonly #finished = this.#counter("jobs_runs_finished_total", {
    help: "Runs that have settled since the store was made.",
    labelNames: ["state", "reason"],
  });
  readonly #decisions = this.#counter("jobs_decisions_total", {
    help: "Writes of decisions of this server, by what became of them.",
    labelNames: ["outcome"],
  });
  readonly #rejections = this.#counter("jobs_rejections_total", {
    help: "HTTP requests that this server answered with an error, by its code.",
    labelNames: ["code"],
  });
  readonly #skipped = this.#counter("jobs_slots_skipped_total", {
    help: "Slots of schedules that this server skipped, by why.",
    labelNames: ["reason"],
  });
  readonly #lateness = this.#histogram("jobs_start_lateness_seconds", "From when a run was due to its start.");
  readonly #handover = this.#histogram(
    "jobs_start_handover_seconds",
    "From the assignment of an attempt to its start.",
  );
  /** What was shown of finished runs; see {@link Metrics.#showFinished}. */
  readonly #shown = new Map<string, number>();

  constructor(options: MetricsOptions) {
    this.#options = options;
    for (const outcome of OUTCOMES) this.#decisions.inc({ outcome }, 0);
    for (const reason of SLOT_REASONS) this.#skipped.inc({ reason }, 0);
    for (const code of ERROR_CODES) this.#rejections.inc({ code }, 0);
    for (const [state, reasons] of Object.entries(ENDINGS))
      for (const reason of reasons) this.#finished.inc({ state, reason }, 0);
  }

  /** A decision of this server was written, or met somebody else's. */
  onOutcome(outcome: Outcome): void {
    this.#decisions.inc({ outcome });
  }

  /** A record that this server decided on is stored; `before` is what it replaces. */
  onStored(run: Run, before: Run | undefined): void {
    if (run.state === "skipped" && run.slot !== undefined && run.reason !== undefined)
      this.#skipped.inc({ reason: run.reason }, slotsOf(run) - (before?.state === "skipped" ? slotsOf(before) : 0));
    const { submittedAt, dueAt, pendingAt = submittedAt, runningAt } = run.times;
    if (runningAt === undefined || before?.times.runningAt !== undefined) return;
    // What came due while no server decided was due earlier than it began to wait; what is tried again, or is a part whose turn came, later.
    const isFirst = run.attempts.length <= 1 && run.partOf === undefined;
    const wasDueAt = isFirst ? (dueAt ?? pendingAt) : (retryAtOf(run) ?? pendingAt);
    this.#lateness.observe(secondsBetween(wasDueAt, runningAt));
    const assignedAt = currentAttempt(run)?.assignedAt;
    if (assignedAt !== undefined) this.#handover.observe(secondsBetween(assignedAt, runningAt));
  }

  onRejected(code: ErrorCode): void {
    this.#rejections.inc({ code });
  }

  /** All of it, in the text form of Prometheus. */
  async text(): Promise<string> {
    const rttSeconds = await roundTripSeconds(this.#options);
    // From here to the text nothing else runs: all figures are of one instant.
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    this.#gauges.jobs_nats_rtt_seconds.set(rttSeconds);
    measureRuns(this.#gauges, this.#options);
    measureAgents(this.#gauges, this.#options);
    measureServer(this.#gauges, this.#options);
    this.#showFinished();
    const texts = await Promise.all([this.#registry.metrics(), processMetrics().metrics()]);
    return texts.join("\n");
  }

  /**
   * Counted from the index of HISTORY, which every server has all of: the same on each of them, and the same after a
   * restart. While the index is filled anew, after a break of its watch, it has fewer than before; a counter that went
   * down would be taken for one that began again, so what was shown stays until all of it is there again.
   */
  #showFinished(): void {
    for (const { state, reason = "", count } of this.#options.finished.endings()) {
      const key = `${state} ${reason}`;
      const shown = this.#shown.get(key) ?? 0;
      if (count <= shown) continue;
      this.#finished.inc({ state, reason }, count - shown);
      this.#shown.set(key, count);
    }
  }

  #counter(name: string, about: { help: string; labelNames: readonly string[] }): Counter {
    return new Counter({ name, ...about, registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: SECONDS, registers: [this.#registry] });
  }
}

/** Not below 0: the clock of a server may be set back, and another server's may differ. */
function secondsBetween(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from)) / 1000;
}

/** When the last attempt was due that takes the place of a failed one; undefined when there was none, or a lost one after it. */
function retryAtOf({ attempts }: Run): string | undefined {
  return attempts.slice(0, -1).findLast(isGivenUp)?.retryAt;
}

/** How many slots of a schedule a record stands for. */
function slotsOf({ slot }: Run): number {
  return slot === undefined ? 0 : (slot.count ?? 1);
}
