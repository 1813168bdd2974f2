/** What each operation of the table does. */
import { JobsError, type AgentSummary, type OperationOutput, type RunFilter } from "@jobs/core";
import type { RunAction } from "../commands.ts";
import { listPending } from "../projection/pending.ts";
import type { RunSelection } from "../projection/run-matches.ts";
import { accept, isMadeOf, type WorkInput } from "../submission/accept.ts";
import { repeat } from "../submission/repeat.ts";
import { submitAll } from "../submission/submit-all.ts";
import { submitOnce } from "../submission/submit-once.ts";
import type { Handlers, OperationsOptions, Parsed } from "./handlers.ts";
import { hostsOf, notCompletedOf } from "./host-operations.ts";
import { jobHandlers } from "./job-operations.ts";

type RunHandlers = Pick<
  Handlers,
  | "submitRun"
  | "submitRuns"
  | "getRun"
  | "listRuns"
  | "listPending"
  | "countRuns"
  | "listHosts"
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
  const { agents, audit, commands } = options;
  const summaryOf = (agent: string): AgentSummary => {
    const summary = [...agents.summaries()].find(({ id }) => id === agent);
    if (summary === undefined) throw new Error("an agent that was resolved is known");
    return summary;
  };
  return {
    ...runHandlers(options),
    ...jobHandlers(options),
    listAudit: async ({ limit }) => ({ entries: [...(await audit.list(limit))] }),
    listAgents: () => Promise.resolve({ agents: [...agents.list()] }),
    async drainAgent({ agent, note }, by) {
      const { id } = agents.resolveName(agent, "agent");
      await commands.drain(id, by, note);
      return summaryOf(id);
    },
    async undrainAgent({ agent }, by) {
      const { id } = agents.resolveName(agent, "agent");
      await commands.undrain(id, by);
      return summaryOf(id);
    },
  };
}

/** Labels are those that the agents have now. */
function selectionOf({ agent, labels, ...filter }: RunFilter, agents: OperationsOptions["agents"]): RunSelection {
  if (labels === undefined) return agent === undefined ? filter : { ...filter, agents: [agent] };
  const matching = agents.matching({ kind: "any", labels });
  const meant = matching.filter(({ id, name }) => agent === undefined || id === agent || name === agent);
  return { ...filter, agents: meant.map(({ id }) => id) };
}

function runHandlers(options: OperationsOptions): RunHandlers {
  const { commands, runs, presenter, agents } = options;
  const submit = async (
    input: Parsed<"submitRun"> & Pick<WorkInput, "given" | "only">,
    by: string,
    rerunOf?: string,
  ): Promise<OperationOutput<"submitRun">> => {
    const { run, isNew } = await submitOnce(
      input,
      {
        submit: async () => {
          const submission = await accept(input, by, options);
          return commands.submit(rerunOf === undefined ? submission : { ...submission, rerunOf });
        },
        isSame: (made) => isMadeOf(made, input, options),
      },
      options,
    );
    return { run: presenter.present(run), known: !isNew };
  };
  const act = async (action: RunAction, { run, by, note }: { run: string; by: string; note?: string | undefined }) => {
    const view = await runs.get(run);
    const asItIs = async () => {
      if (action === "cancel") await commands.auditCancellation(await runs.getRecord(run), by);
      return runs.get(run);
    };
    // What has ended stays as it is; only what it left over may still be resolved.
    if (view.times.endedAt !== undefined && action !== "resolve") return asItIs();
    try {
      return presenter.present((await commands.act(action, { job: view.job, run, by, note })).run);
    } catch (error) {
      // It ended and went to HISTORY between the look and the decision, or long before.
      if (!(error instanceof JobsError) || error.code !== "run-unknown") throw error;
      if (action !== "resolve") return asItIs();
      const message = `There is nothing to resolve in run ${run}. It has ended, and nothing of it is left over.`;
      throw new JobsError("nothing-to-resolve", message, { field: "run", details: { run } });
    }
  };
  return {
    submitRun: (input, by) => submit(input, by),
    submitRuns: async ({ runs: inputs }, by) => ({ results: await submitAll(inputs, by, options) }),
    getRun: ({ run }) => runs.get(run),
    async listPending({ agent, ...filter }) {
      await runs.seeAccepted();
      const on = agent === undefined ? {} : { agent: agents.resolveName(agent, "agent").id };
      return { pending: listPending(options, { ...filter, ...on }) };
    },
    async listRuns({ limit, after, ...filter }) {
      await runs.seeAccepted();
      return runs.list(selectionOf(filter, agents), { limit, after });
    },
    async countRuns(filter) {
      await runs.seeAccepted();
      return runs.count(selectionOf(filter, agents));
    },
    listHosts: async ({ run }) => ({ hosts: [...(await hostsOf(await runs.getRecord(run), options))] }),
    cancelRun: ({ run }, by) => act("cancel", { run, by }),
    holdRun: ({ run }, by) => act("hold", { run, by }),
    releaseRun: ({ run }, by) => act("release", { run, by }),
    resolveRun: ({ run, note }, by) => act("resolve", { run, by, note }),
    async rerunRun({ run, onlyFailed, ...changes }, by) {
      const record = await runs.getRecord(run);
      const only = onlyFailed === true ? { only: notCompletedOf(record, changes) } : {};
      return submit({ ...(await repeat(record, changes, options)), ...only }, by, run);
    },
    listOverdue: () => Promise.resolve({ runs: [...runs.overdue()] }),
    async listArtifacts({ run, attempt }) {
      const view = await runs.get(run);
      const { artifacts: files } = await runs.artifacts(run, attempt);
      return { settled: view.times.settledAt !== undefined, artifacts: [...files] };
    },
  };
}
