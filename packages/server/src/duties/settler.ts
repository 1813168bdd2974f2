/**
 * Settles a run that has ended: waits for log and artifacts, keeps them, writes HISTORY, removes the live record.
 *
 *   ended ──evidence complete, artifacts stored, log kept──► HISTORY ──acknowledged──► marker ──► release (see releaser)
 *
 * Each step may be done again: after a crash between any two of them the next server begins at the first and finds what
 * is there already.
 */
import {
  ARTIFACT_NAMES_MAX_BYTES,
  ARTIFACTS_MAX,
  isBusy,
  type Artifact,
  type Attempt,
  type Evidence,
  type Run,
  type RunOutput,
  type StoredLog,
} from "@jobs/core";
import { artifactKey, runPrefix, type ArtifactStore } from "@jobs/core/artifacts";
import type { LiveOnHost } from "@jobs/core/decide";
import type { HistoryStore, InboxStore, WriteOutcome } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { LogKeeper } from "../logs/log-keeper.ts";
import { levelOf } from "./decided.ts";
import type { Decider } from "./decider.ts";
import type { EvidenceDesk } from "./evidence-desk.ts";

/** What is still missing is asked for again after this long, milliseconds. */
const AGAIN_MS = 5_000;
/** After so many questions for bytes that LOGS has not, the log is kept without them, and says so. */
const LOG_QUESTIONS = 6;
/** How long a host that was lost may come back and tell the rest, milliseconds. Its job is free meanwhile. */
const WITHOUT_HOST_AFTER_MS = 60_000;
/** How long after the end of the run the artifacts of an earlier attempt may take, milliseconds: its host may never come back. */
const WITHOUT_UPLOADS_AFTER_MS = 60 * 60_000;
/**
 * How long after the end of the run a host that says nothing is waited for, milliseconds; it may be switched off over night. An
 * operator who knows that it is gone need not wait: `resolve`.
 */
const GONE_AFTER_MS = 24 * 60 * 60_000;
/** Each has a URL of its own, and a report is one message. */
const UPLOADS_A_REPORT = 100;

export interface SettlerOptions {
  readonly decider: Decider;
  readonly history: HistoryStore;
  readonly inbox: InboxStore;
  readonly artifacts: ArtifactStore;
  readonly logs: LogKeeper;
  readonly desk: EvidenceDesk;
  /** How long the host of an attempt was certainly silent, milliseconds. */
  readonly silentMs: (held: LiveOnHost) => number;
  /** There is a record of the job that this version cannot read: whether a run may go, it may be that record which says. */
  readonly isUnreadable: (job: string) => boolean;
  /** It ended, and must stay a live run all the same. */
  readonly isOpen: (run: Run) => boolean;
  /** It is in HISTORY. */
  readonly isFinished: (run: string) => boolean;
  /** It is settled, and must stay a live run all the same. */
  readonly isKept: (run: Run) => boolean;
  /** It is in HISTORY: known before the watch tells it. */
  readonly onFinished: (run: Run, sequence: number) => void;
  readonly now: () => string;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** What is asked of a host; a patient one waits a while before it is asked for the first time. */
interface Question {
  readonly what: string;
  readonly isPatient?: boolean;
}

/** An attempt, and the run that it is of. */
interface AttemptOf {
  readonly run: Run;
  readonly attempt: Attempt;
}

type Output = RunOutput["attempts"][number];
type Artifacts = NonNullable<Evidence["artifacts"]>;

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
    const { isUnreadable, isOpen } = this.#options;
    if (this.#underWay.has(run.run) || isBusy(run) || isUnreadable(run.job) || isOpen(run)) return;
    this.#underWay.add(run.run);
    try {
      if (!this.#options.isFinished(run.run) && !(await this.#finish(run))) return; // the next round tries it again
      if (this.#options.isKept(run)) return;
      await this.#options.decider.remove(run);
      this.#asked.delete(run.run);
    } catch (error) {
      this.#options.log[levelOf(error)]({ err: error, run: run.run }, "settling a run failed; it is tried again");
    } finally {
      this.#underWay.delete(run.run);
    }
  }

  /** Writes it to HISTORY once all that it left is kept; true when it is there. */
  async #finish(run: Run): Promise<boolean> {
    const output = await this.#output(run);
    if (output === undefined) return false;
    const settled: Run = { ...run, output, times: { ...run.times, settledAt: this.#options.now() } };
    const outcome = await this.#options.history.write(settled);
    if (outcome.kind === "stored") this.#options.onFinished(settled, outcome.sequence);
    return outcome.kind === "stored" || this.#isThere(run, outcome.kind);
  }

  /** A conflict may also mean that another write is under way, which may come to nothing: only what can be read is there. */
  async #isThere({ job, run }: Run, outcome: WriteOutcome["kind"]): Promise<boolean> {
    return outcome === "conflict" && (await this.#options.history.find(job, run)) !== undefined;
  }

  /** What the run left, once all of it is kept; undefined while something is missing. */
  async #output(run: Run): Promise<RunOutput | undefined> {
    const location = this.#options.artifacts.locationOf(runPrefix(run.job, run.run));
    const attempts: RunOutput["attempts"] = [];
    // The last one first: of all together no more artifacts are kept than of one.
    for (const attempt of run.attempts.filter(({ refusal }) => refusal === undefined).toReversed()) {
      const kept = attempts.flatMap(({ artifacts }) => artifacts);
      const output = await this.#outputOf(run, attempt, kept);
      if (output === undefined) return undefined;
      attempts.unshift(output);
    }
    return { location, attempts };
  }

  /** What an attempt left, once all of it is kept; `beside`: the artifacts of later ones. */
  async #outputOf(run: Run, attempt: Attempt, beside: readonly Artifact[]): Promise<Output | undefined> {
    if (attempt.lost?.retried === true) return this.#outputOfLost(run, attempt);
    const evidence = this.#options.desk.find(run.run, attempt);
    // The host says it by itself; it is asked when that takes long: its words may have gone with a nats-server.
    if (evidence?.phase !== "exited" || evidence.artifacts === undefined)
      return this.#isLost(run, attempt) || this.#isGone(run, attempt)
        ? this.#outputOfLost(run, attempt)
        : this.#ask({ run, attempt }, { what: "evidence", isPatient: true }, {});
    const wanted = fitting(evidence.artifacts, beside);
    const missing = await this.#missing(run, attempt, wanted);
    const isTooLate =
      (attempt.retryAt !== undefined && this.#sinceEndMs(run) > WITHOUT_UPLOADS_AFTER_MS) || this.#isGone(run, attempt);
    if (missing.length > 0 && !isTooLate) return this.#askForUploads({ run, attempt }, missing);
    const log = await this.#keepLog({ run, attempt }, evidence);
    if (log === undefined) return undefined;
    const stored = wanted.filter((one) => !missing.includes(one));
    const artifacts = stored.map(({ name, sizeBytes, sha256 }) => ({ name, sizeBytes, sha256 }));
    const leftOut = (evidence.artifactsLeftOut ?? 0) + evidence.artifacts.length - artifacts.length;
    return { attempt: attempt.number, log, artifacts, ...(leftOut === 0 ? {} : { artifactsLeftOut: leftOut }) };
  }

  /** True for an attempt that was given up, or resolved by an operator, once its host had its time to come back and tell the rest. */
  #isLost(run: Run, { lost, retryAt }: Attempt): boolean {
    const isLost = run.resolved !== undefined || lost !== undefined || retryAt !== undefined;
    const sinceMs = this.#sinceEndMs(run);
    // Clocks are set, and another server may have another one: an end that is still to come holds up nothing.
    return isLost && (sinceMs < 0 || sinceMs > WITHOUT_HOST_AFTER_MS);
  }

  /** True when its host says nothing any more, and will not come back in time: what it has not handed over is given up. */
  #isGone(run: Run, { agent, number }: Attempt): boolean {
    const silentMs = this.#options.silentMs({ agent, run: run.run, attempt: number });
    const isGivenUp = run.resolved?.gone === true || this.#sinceEndMs(run) > GONE_AFTER_MS;
    return isGivenUp && silentMs > WITHOUT_HOST_AFTER_MS;
  }

  #sinceEndMs({ times }: Run): number {
    return Date.parse(this.#options.now()) - Date.parse(times.endedAt ?? "");
  }

  /** What came of the log before the host fell silent. That it is all of it nobody can say, unless the host still told its end. */
  async #outputOfLost({ job, run }: Run, { agent, number, log: end }: Attempt): Promise<Output> {
    const address = { job, agent, run, attempt: number };
    const kept = end === undefined ? undefined : (await this.#options.logs.keep(address, end, true)).log;
    return { attempt: number, log: kept ?? (await this.#options.logs.keepRest(address)), artifacts: [] };
  }

  async #keepLog({ run, attempt }: AttemptOf, evidence: Evidence): Promise<StoredLog | undefined> {
    const isGone = this.#isGone(run, attempt);
    if (evidence.shippedBytes < evidence.log.lengthBytes && !isGone) return undefined;
    const address = { job: run.job, agent: attempt.agent, run: run.run, attempt: attempt.number };
    const questions = this.#asked.get(run.run)?.get(`log of ${attempt.number}`)?.times ?? 0;
    const isLastTry = isGone || questions >= LOG_QUESTIONS;
    const kept = await this.#options.logs.keep(address, evidence.log, isLastTry);
    if (kept.missingFrom === undefined) return kept.log;
    return this.#ask({ run, attempt }, { what: "log" }, { logFrom: [[kept.missingFrom, evidence.log.lengthBytes]] });
  }

  async #missing({ job, run }: Run, { number }: Attempt, artifacts: Artifacts): Promise<Artifacts> {
    const missing: Artifacts = [];
    for (const artifact of artifacts) {
      const size = await this.#options.artifacts.findSize(artifactKey({ job, run, attempt: number }, artifact.name));
      if (size !== artifact.sizeBytes || !artifact.stored) missing.push(artifact);
    }
    return missing;
  }

  async #askForUploads({ run, attempt }: AttemptOf, missing: Artifacts): Promise<undefined> {
    const key = { job: run.job, run: run.run, attempt: attempt.number };
    const some = missing.slice(0, UPLOADS_A_REPORT);
    if (!this.#mayAsk({ run, attempt }, { what: `uploads from ${some[0]?.name} on` })) return;
    const uploads = await Promise.all(
      some.map(async ({ name, sizeBytes, sha256 }) => ({
        name,
        ...(await this.#options.artifacts.uploadTo(artifactKey(key, name), { sizeBytes, sha256 })),
      })),
    );
    await this.#put({ run, attempt }, { uploads });
  }

  async #ask(of: AttemptOf, question: Question, wish: { logFrom?: [number, number][] }): Promise<undefined> {
    if (this.#mayAsk(of, question)) await this.#put(of, wish);
  }

  #mayAsk({ run: { run }, attempt }: AttemptOf, { what, isPatient = false }: Question): boolean {
    const nowMs = this.#options.monotonicMs();
    const asked = this.#asked.get(run) ?? new Map<string, Asked>();
    const key = `${what} of ${attempt.number}`;
    const last = asked.get(key);
    if (last !== undefined && nowMs - last.atMs < AGAIN_MS) return false;
    this.#asked.set(run, asked.set(key, { atMs: nowMs, times: (last?.times ?? 0) + 1 }));
    return last !== undefined || !isPatient;
  }

  async #put({ run: { run }, attempt: { agent, number } }: AttemptOf, wish: object): Promise<void> {
    await this.#options.inbox.put(agent, { v: 1, kind: "report", run, attempt: number, ...wish });
  }
}

/** The first ones for which there is room beside others: all of them stand in one record. */
function fitting(artifacts: Artifacts, beside: readonly Artifact[]): Artifacts {
  const nameBytes = ({ name }: Artifact): number => Buffer.byteLength(JSON.stringify(name));
  let left = ARTIFACT_NAMES_MAX_BYTES - beside.reduce((sum, one) => sum + nameBytes(one), 0);
  const some = artifacts.slice(0, ARTIFACTS_MAX - beside.length);
  const end = some.findIndex((one) => (left -= nameBytes(one)) < 0);
  return end < 0 ? some : some.slice(0, end);
}
