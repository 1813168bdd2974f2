/**
 * Settles a run that has ended: waits for log and artifacts, keeps them, writes HISTORY, removes the live record.
 *
 *   ended ──evidence complete, artifacts stored, log kept──► HISTORY ──acknowledged──► marker ──► release (see releaser)
 *
 * Each step may be done again: after a crash between any two of them the next server begins at the first and finds what
 * is there already.
 */
import {
  currentAttempt,
  isBusy,
  type Attempt,
  type Evidence,
  type Run,
  type RunOutput,
  type StoredLog,
} from "@jobs/core";
import { artifactKey, runPrefix, type ArtifactStore } from "@jobs/core/artifacts";
import type { HistoryStore, InboxStore, WriteOutcome } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { LogKeeper } from "../logs/log-keeper.ts";
import type { Decider } from "./decider.ts";
import type { EvidenceDesk } from "./evidence-desk.ts";

/** What is still missing is asked for again after this long, milliseconds. */
const AGAIN_MS = 5_000;
/** After so many questions for bytes that LOGS has not, the log is kept without them, and says so. */
const LOG_QUESTIONS = 6;
/** How long a host that was lost may come back and tell the rest, milliseconds. Its job is free meanwhile. */
const WITHOUT_HOST_AFTER_MS = 60_000;
/** Each has a URL of its own, and a report is one message. */
const UPLOADS_A_REPORT = 100;

export interface SettlerOptions {
  readonly decider: Decider;
  readonly history: HistoryStore;
  readonly inbox: InboxStore;
  readonly artifacts: ArtifactStore;
  readonly logs: LogKeeper;
  readonly desk: EvidenceDesk;
  /** It ended, and must stay a live run all the same. */
  readonly isOpen: (run: Run) => boolean;
  /** It is in HISTORY: known before the watch tells it. */
  readonly onFinished: (run: Run) => void;
  readonly now: () => string;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** What is asked of a host; a patient one waits a while before it is asked for the first time. */
interface Question {
  readonly what: string;
  readonly isPatient?: boolean;
}

/** Another attempt has taken its place, or would have. */
function isGivenUp({ lost }: Attempt): boolean {
  return lost?.retried === true;
}

interface Asked {
  readonly atMs: number;
  readonly times: number;
}

export class Settler {
  readonly #options: SettlerOptions;
  readonly #underWay = new Set<string>();
  /** The questions of each run. */
  readonly #asked = new Map<string, Map<string, Asked>>();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Takes the steps that can be taken now; called again when evidence comes, and every second. */
  async settle(run: Run): Promise<void> {
    if (this.#underWay.has(run.run) || isBusy(run) || this.#options.isOpen(run)) return;
    this.#underWay.add(run.run);
    try {
      const output = await this.#output(run);
      if (output === undefined) return;
      const settled: Run = { ...run, output, times: { ...run.times, settledAt: this.#options.now() } };
      const outcome = await this.#options.history.write(settled);
      if (outcome.kind !== "stored" && !(await this.#isThere(run, outcome.kind))) return; // the next round writes it again
      if (outcome.kind === "stored") this.#options.onFinished(settled);
      await this.#options.decider.remove(run);
      this.#asked.delete(run.run);
    } catch (error) {
      this.#options.log.warn({ err: error, run: run.run }, "settling a run failed; it is tried again");
    } finally {
      this.#underWay.delete(run.run);
    }
  }

  /** A conflict may also mean that another write is under way, which may come to nothing: only what can be read is there. */
  async #isThere({ job, run }: Run, outcome: WriteOutcome["kind"]): Promise<boolean> {
    return outcome === "conflict" && (await this.#options.history.find(job, run)) !== undefined;
  }

  /** What the run left, once all of it is kept; undefined while something is missing. */
  async #output(run: Run): Promise<RunOutput | undefined> {
    const location = this.#options.artifacts.locationOf(runPrefix(run.job, run.run));
    const attempt = currentAttempt(run);
    if (attempt === undefined) return { location, attempts: await this.#outputsOfLost(run) };
    const evidence = this.#options.desk.find(run.run, attempt);
    // The host says it by itself; it is asked when that takes long: its words may have gone with a nats-server.
    if (evidence?.phase !== "exited" || evidence.artifacts === undefined)
      return this.#isGivenUp(run)
        ? { location, attempts: [...(await this.#outputsOfLost(run)), await this.#outputOfLost(run, attempt)] }
        : this.#ask(run, { what: "evidence", isPatient: true }, {});
    const missing = await this.#missing(run, evidence);
    if (missing.length > 0) return this.#askForUploads(run, evidence.attempt, missing);
    const log = await this.#keepLog(run, evidence);
    if (log === undefined) return undefined;
    const artifacts = evidence.artifacts.map(({ name, sizeBytes, sha256 }) => ({ name, sizeBytes, sha256 }));
    const leftOut = evidence.artifactsLeftOut ? { artifactsLeftOut: evidence.artifactsLeftOut } : {};
    const earlier = await this.#outputsOfLost(run);
    return { location, attempts: [...earlier, { attempt: attempt.number, log, artifacts, ...leftOut }] };
  }

  /** True for a run that was lost, or resolved by an operator, once its host had its time to come back and tell the rest. */
  #isGivenUp(run: Run): boolean {
    const isLost = run.resolved !== undefined || currentAttempt(run)?.lost !== undefined;
    const sinceMs = Date.parse(this.#options.now()) - Date.parse(run.times.endedAt ?? "");
    // Clocks are set, and another server may have another one: an end that is still to come holds up nothing.
    return isLost && (sinceMs < 0 || sinceMs > WITHOUT_HOST_AFTER_MS);
  }

  #outputsOfLost(run: Run): Promise<RunOutput["attempts"]> {
    return Promise.all(run.attempts.filter(isGivenUp).map((one) => this.#outputOfLost(run, one)));
  }

  /** What came of the log before the host fell silent. That it is all of it nobody can say, unless the host still told its end. */
  async #outputOfLost({ job, run }: Run, { agent, number, log: end }: Attempt): Promise<RunOutput["attempts"][number]> {
    const address = { job, agent, run, attempt: number };
    const kept = end === undefined ? undefined : (await this.#options.logs.keep(address, end, true)).log;
    return { attempt: number, log: kept ?? (await this.#options.logs.keepRest(address)), artifacts: [] };
  }

  async #keepLog(run: Run, evidence: Evidence): Promise<StoredLog | undefined> {
    if (evidence.shippedBytes < evidence.log.lengthBytes) return undefined;
    const agent = currentAttempt(run)?.agent ?? "";
    const address = { job: run.job, agent, run: run.run, attempt: evidence.attempt };
    const isLastTry = (this.#asked.get(run.run)?.get("log")?.times ?? 0) >= LOG_QUESTIONS;
    const kept = await this.#options.logs.keep(address, evidence.log, isLastTry);
    if (kept.missingFrom === undefined) return kept.log;
    return this.#ask(run, { what: "log" }, { logFrom: [[kept.missingFrom, evidence.log.lengthBytes]] });
  }

  async #missing(run: Run, { attempt, artifacts = [] }: Evidence): Promise<NonNullable<Evidence["artifacts"]>> {
    const missing: typeof artifacts = [];
    const key = { job: run.job, run: run.run, attempt };
    for (const artifact of artifacts) {
      const size = await this.#options.artifacts.findSize(artifactKey(key, artifact.name));
      if (size !== artifact.sizeBytes || !artifact.stored) missing.push(artifact);
    }
    return missing;
  }

  async #askForUploads(run: Run, attempt: number, missing: NonNullable<Evidence["artifacts"]>): Promise<undefined> {
    const key = { job: run.job, run: run.run, attempt };
    const some = missing.slice(0, UPLOADS_A_REPORT);
    if (!this.#mayAsk(run, { what: `uploads from ${some[0]?.name} on` })) return;
    const uploads = await Promise.all(
      some.map(async ({ name, sizeBytes, sha256 }) => ({
        name,
        ...(await this.#options.artifacts.uploadTo(artifactKey(key, name), { sizeBytes, sha256 })),
      })),
    );
    await this.#put(run, { uploads });
  }

  async #ask(run: Run, question: Question, wish: { logFrom?: [number, number][] }): Promise<undefined> {
    if (this.#mayAsk(run, question)) await this.#put(run, wish);
  }

  #mayAsk({ run }: Run, { what, isPatient = false }: Question): boolean {
    const nowMs = this.#options.monotonicMs();
    const asked = this.#asked.get(run) ?? new Map<string, Asked>();
    const last = asked.get(what);
    if (last !== undefined && nowMs - last.atMs < AGAIN_MS) return false;
    this.#asked.set(run, asked.set(what, { atMs: nowMs, times: (last?.times ?? 0) + 1 }));
    return last !== undefined || !isPatient;
  }

  async #put(run: Run, wish: object): Promise<void> {
    const attempt = currentAttempt(run);
    if (attempt === undefined) return;
    await this.#options.inbox.put(attempt.agent, {
      v: 1,
      kind: "report",
      run: run.run,
      attempt: attempt.number,
      ...wish,
    });
  }
}
