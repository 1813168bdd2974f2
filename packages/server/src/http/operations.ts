/** What each operation of the table does. */
import { JobsError, viewOfRun, type OperationName, type operations, type OperationOutput } from "@jobs/core";
import type { z } from "zod";
import type { Commands } from "../commands.ts";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { Runs } from "../projection/runs.ts";
import { accept, type AcceptOptions } from "../submission/accept.ts";

export interface OperationsOptions extends AcceptOptions {
  readonly commands: Commands;
  readonly runs: Runs;
  readonly agents: AgentsProjection;
}

type Parsed<N extends OperationName> = z.output<(typeof operations)[N]["input"]>;
type Handlers = { readonly [N in OperationName]: (input: Parsed<N>, by: string) => Promise<OperationOutput<N>> };

/** Handlers by operation name; inputs are parsed already. */
export function operationHandlers(options: OperationsOptions): Handlers {
  const { commands, runs, agents } = options;
  return {
    async submitRun(input, by) {
      const decided = await commands.submit(await accept(input, by, options));
      return { run: viewOfRun(decided.run), known: !decided.isNew };
    },
    getRun: ({ run }) => runs.get(run),
    async cancelRun({ run }, by) {
      const view = await runs.get(run);
      if (view.times.endedAt !== undefined) return view;
      try {
        const decided = await commands.cancel(view.job, run, by);
        return viewOfRun(decided.run);
      } catch (error) {
        // It ended and went to HISTORY between the look and the decision.
        if (error instanceof JobsError && error.code === "run-unknown") return runs.get(run);
        throw error;
      }
    },
    listRuns: (filter) => Promise.resolve({ runs: [...runs.list(filter)] }),
    async listArtifacts({ run }) {
      const view = await runs.get(run);
      return { settled: view.times.settledAt !== undefined, artifacts: view.output?.artifacts ?? [] };
    },
    listAgents: () => Promise.resolve({ agents: [...agents.list()] }),
  };
}
