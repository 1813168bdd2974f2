/** What the operations are made of, and what each takes and gives. */
import type { OperationName, operations, OperationOutput } from "@jobs/core";
import type { AuditStore } from "@jobs/core/jetstream";
import type { z } from "zod";
import type { Commands } from "../commands.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { RunPresenter } from "../projection/run-presenter.ts";
import type { Runs } from "../projection/runs.ts";
import type { AcceptOptions } from "../submission/accept.ts";

export interface OperationsOptions extends AcceptOptions {
  readonly commands: Commands;
  readonly runs: Runs;
  readonly jobs: JobsProjection;
  readonly presenter: RunPresenter;
  readonly audit: Pick<AuditStore, "list">;
  readonly agents: AgentsProjection;
  readonly metrics: Pick<Metrics, "onRejected">;
}

export type Parsed<N extends OperationName> = z.output<(typeof operations)[N]["input"]>;
export type Handlers = { readonly [N in OperationName]: (input: Parsed<N>, by: string) => Promise<OperationOutput<N>> };
