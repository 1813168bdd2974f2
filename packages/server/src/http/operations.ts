/** What each operation of the table does. */
import { JobsError, type JobView, type OperationName, type operations, type OperationOutput } from "@jobs/core";
import type { AuditStore } from "@jobs/core/jetstream";
import type { z } from "zod";
import type { Commands, RunAction } from "../commands.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { RunPresenter } from "../projection/run-presenter.ts";
import type { Runs } from "../projection/runs.ts";
import { accept, type AcceptOptions } from "../submission/accept.ts";
import { repeat } from "../submission/repeat.ts";
import { submitAll } from "../submission/submit-all.ts";

export interface OperationsOptions extends AcceptOptions {
  readonly commands: Commands;
  readonly runs: Runs;
  readonly jobs: JobsProjection;
  readonly presenter: RunPresenter;
  readonly audit: Pick<AuditStore, "list">;
  readonly agents: AgentsProjection;
  readonly metrics: Pick<Metrics, "onRejected">;
}

type Parsed<N extends OperationName> = z.output<(typeof operations)[N]["input"]>;
type Handlers = { readonly [N in OperationName]: (input: Parsed<N>, by: string) => Promise<OperationOutput<N>> };
type RunHandlers = Pick<
  Handlers,
  | "submitRun"
  | "submitRuns"
  | "getRun"
  | "listRuns"
  | "cancelRun"
  | "holdRun"
  | "releaseRun"
  | "rerunRun"
  | "resolveRun"
  | "listOverdue"
  | "listArtifacts"
>;

/** Handlers by operation name; inputs are parsed already. */
export function operationHandlers(options: OperationsOptions): Handlers {
  const { agents, audit } = options;
  return {
    ...runHandlers(options),
    ...jobHandlers(options),
    listAudit: async ({ limit }) => ({ entries: [...(await audit.list(limit))] }),
    listAgents: () => Promise.resolve({ agents: [...agents.list()] }),
  };
}

function runHandlers(options: OperationsOptions): RunHandlers {
  const { commands, runs, presenter, artifacts } = options;
  const submit = async (
    input: Parsed<"submitRun">,
    by: string,
    rerunOf?: string,
  ): Promise<OperationOutput<"submitRun">> => {
    const submission = await accept(input, by, options);
    const decided = await commands.submit(rerunOf === undefined ? submission : { ...submission, rerunOf });
    return { run: presenter.present(decided.run), known: !decided.isNew };
  };
  const act = async (action: RunAction, { run, by, note }: { run: string; by: string; note?: string | undefined }) => {
    const view = await runs.get(run);
    // What has ended stays as it is; only what it left over may still be resolved.
    if (view.times.endedAt !== undefined && action !== "resolve") return view;
    try {
      return presenter.present((await commands.act(action, { job: view.job, run, by, note })).run);
    } catch (error) {
      // It ended and went to HISTORY between the look and the decision, or long before.
      if (!(error instanceof JobsError) || error.code !== "run-unknown") throw error;
      if (action !== "resolve") return runs.get(run);
      const message = `There is nothing to resolve in run ${run}. It has ended, and nothing of it is left over.`;
      throw new JobsError("nothing-to-resolve", message, { field: "run", details: { run } });
    }
  };
  return {
    submitRun: (input, by) => submit(input, by),
    submitRuns: async ({ runs: inputs }, by) => ({ results: await submitAll(inputs, by, options) }),
    getRun: ({ run }) => runs.get(run),
    listRuns: (filter) => Promise.resolve({ runs: [...runs.list(filter)] }),
    cancelRun: ({ run }, by) => act("cancel", { run, by }),
    holdRun: ({ run }, by) => act("hold", { run, by }),
    releaseRun: ({ run }, by) => act("release", { run, by }),
    resolveRun: ({ run, note }, by) => act("resolve", { run, by, note }),
    async rerunRun({ run, ...changes }, by) {
      return submit(await repeat(await runs.getRecord(run), changes, artifacts), by, run);
    },
    listOverdue: () => Promise.resolve({ runs: [...runs.overdue()] }),
    async listArtifacts({ run }) {
      const view = await runs.get(run);
      return { settled: view.times.settledAt !== undefined, artifacts: view.output?.artifacts ?? [] };
    },
  };
}

function jobHandlers(options: OperationsOptions): Omit<Handlers, keyof RunHandlers | "listAudit" | "listAgents"> {
  const { commands, runs, jobs, presenter } = options;
  const viewOf = (job: string): JobView => {
    const { runs: live } = jobs.view(job);
    const definition = jobs.findDefinition(job);
    const { policy = {}, paused, updatedAt, updatedBy } = definition ?? {};
    return {
      job,
      policy,
      ...(paused === undefined ? {} : { paused }),
      ...(updatedAt === undefined || updatedBy === undefined ? {} : { updatedAt, updatedBy }),
      runs: live.map((run) => presenter.present(run)),
    };
  };
  const isKnown = (job: string): boolean => {
    const { runs: live } = jobs.view(job);
    return jobs.findDefinition(job) !== undefined || live.length > 0 || runs.list({ job, limit: 1 }).length > 0;
  };
  const known = async (job: string): Promise<void> => {
    if (isKnown(job)) return;
    await runs.catchUp(); // another server may have heard of it just now
    if (isKnown(job)) return;
    throw new JobsError("job-unknown", `There is no job “${job}”: nothing of that name has run.`, { field: "name" });
  };
  const paused = (pause: OperationOutput<"getPause">["paused"]): OperationOutput<"getPause"> =>
    pause === undefined ? {} : { paused: pause };
  return {
    async getJob({ name }) {
      await known(name);
      return viewOf(name);
    },
    async saveJob({ name, policy }, by) {
      await commands.define(name, { by, policy });
      return viewOf(name);
    },
    async pauseJob({ name, note }, by) {
      await known(name);
      await commands.define(name, { by, pause: { note } });
      return viewOf(name);
    },
    async resumeJob({ name }, by) {
      await known(name);
      await commands.define(name, { by, resume: true });
      return viewOf(name);
    },
    pauseAll: async ({ note }, by) => paused(await commands.pauseAll(by, note)),
    resumeAll: async (_, by) => paused(await commands.resumeAll(by)),
    getPause: () => Promise.resolve(paused(jobs.settings.settings.paused)),
  };
}
