import {
  JobsError,
  type HostView,
  type JobSummary,
  type JobView,
  type OperationInput,
  type OperationName,
  type OperationOutput,
  type ParameterValue,
  type RunCounts,
  type RunView,
  type Schedule,
  type SlotView,
  type SubmitInput,
} from "@jobs/core";
import { applyJobs, type ApplyOptions, type JobInput } from "./apply-jobs.ts";
import { submitAll } from "./bulk.ts";
import { call, type CallOptions } from "./call.ts";
import { makeConnection, type ConnectOptions } from "./connection.ts";
import { exportJobs, type ExportedJobs, type ExportOptions } from "./export-jobs.ts";
import type { JobDifference } from "./job-difference.ts";
import { noted } from "./noted.ts";
import { RunHandle } from "./run-handle.ts";
import { SubmissionGroup } from "./submission-group.ts";
import { submit, type SubmitOptions } from "./submission.ts";
import type { Transport } from "./transport.ts";
import { WholeClient } from "./whole-client.ts";

/** What is said of a job; see {@link JobsClient.saveJob}. */
export type JobChanges = Omit<OperationInput<"saveJob">, "name">;

/** What a run of a job's task may be given. */
export type RunJobOptions = Omit<OperationInput<"runJob">, "name" | "parameters"> & {
  /** Values of the task's parameters, by their names. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
};

/** Which runs a list shows or a count counts. */
export type RunFilter = OperationInput<"countRuns">;

/** So many a request. */
const PAGE_RUNS = 200;

/** What may be changed when a run is repeated. */
export type RerunChanges = Omit<OperationInput<"rerunRun">, "run">;

/**
 * A connection to one server. It has no life of its own: nothing is opened before something is asked, nothing needs to
 * be closed. All its methods throw `JobsError` with the server's code, and `server-unreachable` when there is no answer.
 */
export class JobsClient extends WholeClient {
  readonly #connection: ReturnType<typeof makeConnection>;
  readonly #group: SubmissionGroup;

  /** Use `connect()`. */
  constructor(options: ConnectOptions, platform: Transport) {
    const connection = makeConnection(options, platform);
    super(connection);
    this.#connection = connection;
    this.#group = new SubmissionGroup(connection);
  }

  /** The server's address, without a slash at its end. */
  get url(): string {
    return this.#connection.url;
  }

  /**
   * Submits a run of a job, safely: with an idempotency key (a random one when none is given), and again with the same
   * key when the answer is lost.
   *
   * @throws JobsError `job-busy` while another run of the job lives (`details` name it), `script-syntax`,
   *   `agent-unknown`, `target-required`, `key-conflict`, `name-invalid` and the others of `docs/errors.md`.
   * @example
   * const run = await client.submitJob({ name: "hello", script: "echo hello", on: "web-1" });
   */
  async submitJob(input: SubmitInput, options: SubmitOptions = {}): Promise<RunHandle> {
    const { run, known } = await this.#group.submit(input, options);
    return new RunHandle({ connection: this.#connection, view: run, known });
  }

  /**
   * Submits many runs, each as {@link submitJob} does and as safely, in few requests: of each, in the order given, a run
   * handle or the `JobsError` that it alone has met. Those of one job are decided in that order; two jobs may change places.
   *
   * @throws JobsError what no submission alone is to blame for, e.g. `unauthenticated`.
   * @example
   * const results = await client.submitJobs(hosts.map((on) => ({ name: `patch ${on}`, script, on })));
   * const refused = results.filter((one) => one instanceof JobsError);
   */
  async submitJobs(inputs: readonly SubmitInput[], options: SubmitOptions = {}): Promise<(RunHandle | JobsError)[]> {
    const connection = this.#connection;
    const results = await submitAll(connection, inputs, options);
    return results.map((one) =>
      one instanceof JobsError ? one : new RunHandle({ connection, view: one.run, known: one.known }),
    );
  }

  /**
   * Submits the same again, as it was or changed; what is left out is as it was. As safe as {@link submitJob}, and
   * throws as that does; `run-unknown`, `payload-gone`, `invalid-request` when `env` names one of its parameters.
   *
   * @example
   * const again = await client.rerunRun(run.id, { env: { LEVEL: "debug" } });
   */
  async rerunRun(id: string, changes: RerunChanges = {}, options: SubmitOptions = {}): Promise<RunHandle> {
    const request = { operation: "rerunRun", input: { ...changes, run: id } } as const;
    const { run, known } = await submit(this.#connection, request, options);
    return new RunHandle({ connection: this.#connection, view: run, known });
  }

  /**
   * The handle of a run that exists. Throws `run-unknown`.
   *
   * @example
   * const { sentence } = await (await client.run(id)).result();
   */
  async run(id: string, options: CallOptions = {}): Promise<RunHandle> {
    return new RunHandle({ connection: this.#connection, view: await this.getRun(id, options) });
  }

  /** One run as it is now. Throws `run-unknown`. */
  async getRun(id: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("getRun", { run: id }, options);
  }

  /** Runs, the newest first, 50 when no limit is given and 500 at most. {@link eachRun} gives all of them, {@link pageRuns} says where the next page begins. */
  async listRuns(filter: OperationInput<"listRuns"> = {}, options: CallOptions = {}): Promise<RunView[]> {
    return (await this.pageRuns(filter, options)).runs;
  }

  /** A page of runs as {@link listRuns} gives it, and as `next` what to ask for as `after` to get the next one; absent on the last. */
  async pageRuns(
    filter: OperationInput<"listRuns"> = {},
    options: CallOptions = {},
  ): Promise<OperationOutput<"listRuns">> {
    return await this.#call("listRuns", filter, options);
  }

  /**
   * All runs that a filter lets through, the newest first, read page by page; those submitted meanwhile are not among them.
   *
   * @example
   * for await (const run of client.eachRun({ state: ["failed", "skipped"], since: "2026-11-01T00:00:00Z" }))
   *   console.log(run.job, run.sentence);
   */
  async *eachRun(filter: RunFilter = {}, options: CallOptions = {}): AsyncGenerator<RunView, void, undefined> {
    for (let after: string | undefined; ;) {
      const page = await this.pageRuns({ ...filter, limit: PAGE_RUNS, after }, options);
      yield* page.runs;
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  /** How many runs there are in each state, all of them or those of a filter. */
  async countRuns(filter: RunFilter = {}, options: CallOptions = {}): Promise<RunCounts> {
    return await this.#call("countRuns", filter, options);
  }

  /** Cancels a run; see {@link RunHandle.cancel}. Throws `run-unknown`. */
  async cancelRun(id: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("cancelRun", { run: id }, options);
  }

  /** Keeps a run that waits from starting; those behind it pass it. Throws `run-started` when a host has it. */
  async holdRun(id: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("holdRun", { run: id }, options);
  }

  /** Lets a held run go on, at its old place in line. */
  async releaseRun(id: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("releaseRun", { run: id }, options);
  }

  /**
   * Says, as an operator, that nothing of a run is running any more: ends one of which its host says nothing, or frees
   * its job from left-over processes. Be sure of it: the next run may start at once. It is kept in the audit.
   *
   * @throws JobsError `nothing-to-resolve` while the host is in contact and answers for the run, or when it is over.
   */
  async resolveRun(id: string, note?: string, options: CallOptions = {}): Promise<RunView> {
    return await this.#call("resolveRun", { run: id, ...noted(note) }, options);
  }

  /** Jobs by name, 100 when no limit is given; `after` takes the last name of the page before. */
  async listJobs(input: OperationInput<"listJobs"> = {}, options: CallOptions = {}): Promise<JobSummary[]> {
    return (await this.#call("listJobs", input, options)).jobs;
  }

  /** A job: its policy, whether it is paused, its live runs in line. Throws `job-unknown`. */
  async getJob(name: string, options: CallOptions = {}): Promise<JobView> {
    return await this.#call("getJob", { name }, options);
  }

  /**
   * Says of a job what a run of it does, when, and how runs get out of each other's way: its task, its schedules and its
   * policy, each as a whole; what is left out stays as it is. Runs that were accepted keep what held for them. Who changes
   * what was read gives its `updatedAt` as `ifUpdatedAt`, and overwrites nothing that somebody else has said since.
   *
   * @throws JobsError `invalid-request` that names the field; `job-changed` when it is not as of `ifUpdatedAt` any more;
   *   `job-unknown` when there is nothing to take away from (`task: null`, `schedules: []`) and nothing is added; for a script what {@link submitJob} throws.
   * @example
   * await client.saveJob("nightly-backup", {
   *   task: { script: "backup /srv", on: "web-1" },
   *   schedules: [{ id: "night", cron: "30 2 * * *", zone: "Europe/Berlin" }],
   *   policy: { overlap: "queue", onLost: "hold" },
   * });
   */
  async saveJob(name: string, job: JobChanges, options: CallOptions = {}): Promise<JobView> {
    return await this.#call("saveJob", { ...job, name }, options);
  }

  /**
   * Deletes what is said of a job: its task, schedules and policy; with `history: "delete"` its finished runs, too, and
   * with them the keys that they were submitted with.
   *
   * @throws JobsError `job-unknown`; `job-busy` while a run of it lives (`details` name it).
   */
  async deleteJob(
    name: string,
    { history, ...options }: CallOptions & { readonly history?: "keep" | "delete" } = {},
  ): Promise<void> {
    await this.#call("deleteJob", { name, history }, options);
  }

  /**
   * Makes the jobs of a set as they are said here: all of it is checked first, then what is different is saved, and with
   * `prune` what is of the set and not in it any more is deleted. Says what became of each job; one that could not be saved
   * or deleted has its `error`, and the others are done all the same.
   *
   * @throws JobsError when anything is wrong with the jobs; nothing is stored then. Its field is the path, e.g.
   *   `jobs.nightly.schedules[0].cron`; `details.problems` has all that is wrong.
   * @example
   * const jobs = { nightly: { task: { script: "backup /srv" }, schedules: [{ id: "night", cron: "30 2 * * *" }] } };
   * await client.applyJobs(jobs, { set: "backups", prune: true });
   */
  async applyJobs(jobs: Readonly<Record<string, JobInput>>, options: ApplyOptions = {}): Promise<JobDifference[]> {
    return await applyJobs(this.#connection, jobs, options);
  }

  /** Jobs as they are, in the shape that {@link applyJobs} takes and finds unchanged. Throws `job-unknown`. */
  async exportJobs(options: ExportOptions = {}): Promise<ExportedJobs> {
    return await exportJobs(this.#connection, options);
  }

  /**
   * Submits a run of a job's task. As safe as {@link submitJob}, and throws as that does; `task-missing`,
   * `parameters-invalid` with the field `parameters.<name>`.
   *
   * @example
   * const run = await client.runJob("deploy", { parameters: { REGION: "eu", DRY_RUN: true } });
   */
  async runJob(name: string, given: RunJobOptions = {}, options: SubmitOptions = {}): Promise<RunHandle> {
    const { run, known } = await submit(this.#connection, { operation: "runJob", input: { ...given, name } }, options);
    return new RunHandle({ connection: this.#connection, view: run, known });
  }

  /** The next slots of a schedule, before it is saved. Throws `invalid-request` that names the field. */
  async previewSchedule(
    schedule: Schedule,
    range: Omit<OperationInput<"previewSchedule">, "schedule"> = {},
    options: CallOptions = {},
  ): Promise<SlotView[]> {
    return (await this.#call("previewSchedule", { ...range, schedule }, options)).slots;
  }

  /** No run of the job starts until it is resumed; what runs goes on, what is submitted waits. Throws `job-unknown`. */
  async pauseJob(name: string, note?: string, options: CallOptions = {}): Promise<JobView> {
    return await this.#call("pauseJob", { name, ...noted(note) }, options);
  }

  /** Runs of the job may start again. Throws `job-unknown`. */
  async resumeJob(name: string, options: CallOptions = {}): Promise<JobView> {
    return await this.#call("resumeJob", { name }, options);
  }

  /** The files of a run that are known by now; all of them once `settled`. Throws `run-unknown`. */
  async listArtifacts(
    id: string,
    options: CallOptions & { readonly attempt?: number | undefined } = {},
  ): Promise<OperationOutput<"listArtifacts">> {
    return await this.#call("listArtifacts", { run: id, attempt: options.attempt }, options);
  }

  /** The hosts of a run for several, each with the part of the run on it. Throws `run-unknown`; `invalid-request` when it is for one. */
  async listHosts(id: string, options: CallOptions = {}): Promise<HostView[]> {
    return (await this.#call("listHosts", { run: id }, options)).hosts;
  }

  async #call<N extends OperationName>(
    operation: N,
    input: OperationInput<N>,
    options: CallOptions,
  ): Promise<OperationOutput<N>> {
    return await call(this.#connection, { operation, input }, options);
  }
}
