/**
 * The one table of the API: name, method and path, input, output, who may. HTTP routes, the OpenAPI document, the SDK's
 * calls and the CLI's checks are made from it.
 */
import { z } from "zod";
import { Artifact } from "../domain/artifact.ts";
import { RunId } from "../domain/ids.ts";
import { JobName } from "../domain/job-name.ts";
import { SubmittableOverlap } from "../domain/overlap.ts";
import { RunState } from "../domain/run.ts";
import { AgentSummary, RunView } from "./views.ts";

/** A submission as a tool sends it. */
export const SubmitInput = z.strictObject({
  /** The job: 1 to 128 characters, any but control characters. */
  name: JobName,
  /** The script's text, up to 1 MiB of UTF-8. */
  script: z.string(),
  /** The agent's name or id. May be left out while there is only one agent. */
  on: z.string().min(1).optional(),
  /** Command line in front of the script file; left out: the script's `#!` line, else bash. */
  interpreter: z.array(z.string().min(1)).min(1).optional(),
  /** Environment of the script; names that begin with `JOBS_` are not allowed. */
  env: z
    .record(
      z.string().regex(/^(?!JOBS_)[A-Za-z_][A-Za-z0-9_]*$/, "not a name for a variable, or begins with JOBS_"),
      z.string(),
    )
    .optional(),
  overlap: SubmittableOverlap.optional(),
  /** Idempotency key, per job: the same key gives the same run. */
  key: z.string().min(1).max(256).optional(),
});
export type SubmitInput = z.input<typeof SubmitInput>;

const RunPath = z.object({ run: RunId });

interface Operation {
  readonly method: "GET" | "POST";
  /** Path with `{parameters}`, which are part of the input. */
  readonly path: string;
  readonly summary: string;
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  readonly successStatus: 200 | 201;
}

export const operations = {
  submitRun: {
    method: "POST",
    path: "/v1/runs",
    summary: "Submits a run of a job. Rejected with `job-busy` while another run of that job lives.",
    input: SubmitInput,
    output: z.object({ run: RunView, known: z.boolean() }),
    successStatus: 201,
  },
  getRun: {
    method: "GET",
    path: "/v1/runs/{run}",
    summary: "One run.",
    input: RunPath,
    output: RunView,
    successStatus: 200,
  },
  listRuns: {
    method: "GET",
    path: "/v1/runs",
    summary: "Runs, the newest first.",
    input: z.object({
      job: JobName.optional(),
      state: RunState.optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(50),
      /** Only runs older than this one: the last of the page before. */
      before: RunId.optional(),
    }),
    output: z.object({ runs: z.array(RunView) }),
    successStatus: 200,
  },
  cancelRun: {
    method: "POST",
    path: "/v1/runs/{run}/cancel",
    summary: "Cancels a run: at once while no host has it, else requested until the host proves its end.",
    input: RunPath,
    output: RunView,
    successStatus: 200,
  },
  listArtifacts: {
    method: "GET",
    path: "/v1/runs/{run}/artifacts",
    summary: "The files that a run left in $JOBS_OUTPUT; complete once `settled`.",
    input: RunPath,
    output: z.object({ settled: z.boolean(), artifacts: z.array(Artifact) }),
    successStatus: 200,
  },
  listAgents: {
    method: "GET",
    path: "/v1/agents",
    summary: "The agents and whether they are in contact.",
    input: z.object({}),
    output: z.object({ agents: z.array(AgentSummary) }),
    successStatus: 200,
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;
export type OperationInput<N extends OperationName> = z.input<(typeof operations)[N]["input"]>;
export type OperationOutput<N extends OperationName> = z.output<(typeof operations)[N]["output"]>;

/** Paths beside the table: streams of bytes, not one JSON answer. */
export const streams = {
  /** WebSocket; see `frames.ts`. */
  follow: (run: string) => `/v1/runs/${run}/follow`,
  /** GET: the content of one artifact. */
  artifact: (run: string, name: string) =>
    `/v1/runs/${run}/artifacts/${name.split("/").map(encodeURIComponent).join("/")}`,
} as const;
