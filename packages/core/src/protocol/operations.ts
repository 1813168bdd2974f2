/**
 * The one table of the API: name, method and path, input, output, who may. HTTP routes, the OpenAPI document, the SDK's
 * calls and the CLI's checks are made from it.
 */
import { z } from "zod";
import { Artifact } from "../domain/artifact.ts";
import { shareSchema } from "../domain/fan-out.ts";
import { RunId } from "../domain/ids.ts";
import { JobName } from "../domain/job-name.ts";
import { Pause } from "../domain/job.ts";
import { BULK_MAX_RUNS, SubmitResult } from "./bulk.ts";
import { AuditEntry } from "./commands.ts";
import { jobOperations } from "./job-operations.ts";
import { Note, Submitted, type Operation } from "./operation.ts";
import { RunCounts, RunFilter } from "./run-filter.ts";
import { Asked, Content, SubmitInput } from "./submit-input.ts";
import { AgentSummary, HostView, PendingView, RunView } from "./views.ts";

const RunPath = z.strictObject({ run: RunId });
/** Its name or id. */
const AgentName = z.string().min(1).max(256);
const Paused = z.object({ paused: Pause.optional() });

export const operations = {
  submitRun: {
    method: "POST",
    path: "/v1/runs",
    summary: "Submits a run of a job. While another run of that job lives, its overlap policy says what happens.",
    input: SubmitInput,
    output: Submitted,
    successStatus: 201,
  },
  submitRuns: {
    method: "POST",
    path: "/v1/runs/bulk",
    summary:
      "Submits up to 1,000 runs, each as by itself: one that is wrong harms no other; those of one job are decided in the order given.",
    input: z.strictObject({
      /** Each is the input of `submitRun`, and is checked by itself. */
      runs: z
        .array(z.unknown().meta({ description: "The body of submitRun." }) as z.ZodType<SubmitInput, SubmitInput>)
        .min(1)
        .max(BULK_MAX_RUNS),
    }),
    /** In the order of the input. */
    output: z.object({ results: z.array(SubmitResult) }),
    successStatus: 200,
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
    summary: "Runs, the newest first, a page at a time; new ones move no page.",
    input: RunFilter.extend({
      limit: z.coerce.number().int().min(1).max(500).default(50),
      /** The `next` of the page before. */
      after: z.string().max(100).optional(),
    }),
    output: z.object({
      runs: z.array(RunView),
      /** What to ask for as `after` to get the next page; absent on the last one. */
      next: z.string().optional(),
    }),
    successStatus: 200,
  },
  listPending: {
    method: "GET",
    path: "/v1/pending",
    summary:
      "Runs that wait, in line, then those whose time is still to come: what each waits for, and when it is likely to start.",
    input: z.strictObject({
      job: JobName.optional(),
      /** Only those that may go to this agent: its name or id. */
      agent: AgentName.optional(),
      limit: z.coerce.number().int().min(1).max(500).default(50),
    }),
    output: z.object({ pending: z.array(PendingView) }),
    successStatus: 200,
  },
  countRuns: {
    method: "GET",
    path: "/v1/run-counts",
    summary: "How many runs there are in each state, all of them or those of a filter.",
    input: RunFilter,
    output: RunCounts,
    successStatus: 200,
  },
  listHosts: {
    method: "GET",
    path: "/v1/runs/{run}/hosts",
    summary: "The hosts of a run that is for several, each with the part of the run on it, once there is one.",
    input: RunPath,
    output: z.object({ hosts: z.array(HostView) }),
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
  holdRun: {
    method: "POST",
    path: "/v1/runs/{run}/hold",
    summary: "Keeps a run that waits from starting until it is released; those behind it pass it.",
    input: RunPath,
    output: RunView,
    successStatus: 200,
  },
  releaseRun: {
    method: "POST",
    path: "/v1/runs/{run}/release",
    summary: "Lets a held run go on, at its old place in line.",
    input: RunPath,
    output: RunView,
    successStatus: 200,
  },
  rerunRun: {
    method: "POST",
    path: "/v1/runs/{run}/rerun",
    summary: "Submits the same again, as it was or changed. Everything that is left out is as it was.",
    input: z.strictObject({
      run: RunId,
      ...Content,
      script: Content.script.optional(),
      /** Only on the hosts that did not complete it; of a run on all hosts that match. */
      onlyFailed: z.boolean().optional(),
      /** Another limit of a run on all hosts that match, which goes to the same ones again: see `on`. */
      atOnce: shareSchema("atOnce", 1).optional(),
      maxFailed: shareSchema("maxFailed", 0).optional(),
      ...Asked,
    }),
    output: Submitted,
    successStatus: 201,
  },
  resolveRun: {
    method: "POST",
    path: "/v1/runs/{run}/resolve",
    summary:
      "An operator says that nothing of a run is running any more: ends one of which its host says nothing, frees a job from left-over processes. Audited.",
    input: z.strictObject({ run: RunId, note: Note }),
    output: RunView,
    successStatus: 200,
  },
  listOverdue: {
    method: "GET",
    path: "/v1/overdue",
    summary: "Runs whose next step should have been done by now, with who has to do it.",
    input: z.strictObject({}),
    output: z.object({ runs: z.array(RunView) }),
    successStatus: 200,
  },
  ...jobOperations,
  pauseAll: {
    method: "POST",
    path: "/v1/pause",
    summary: "No run of any job starts until all is resumed; what runs goes on, what is submitted waits.",
    input: z.strictObject({ note: Note }),
    output: Paused,
    successStatus: 200,
  },
  resumeAll: {
    method: "POST",
    path: "/v1/resume",
    summary: "Runs may start again; those of a paused job still wait.",
    input: z.strictObject({}),
    output: Paused,
    successStatus: 200,
  },
  getPause: {
    method: "GET",
    path: "/v1/pause",
    summary: "Whether everything is paused, since when and by whom.",
    input: z.strictObject({}),
    output: Paused,
    successStatus: 200,
  },
  listAudit: {
    method: "GET",
    path: "/v1/audit",
    summary: "Who cancelled, held, resolved, paused or changed what, the newest first.",
    input: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(50) }),
    output: z.object({ entries: z.array(AuditEntry) }),
    successStatus: 200,
  },
  listArtifacts: {
    method: "GET",
    path: "/v1/runs/{run}/artifacts",
    summary: "The files that a run left in $JOBS_OUTPUT; complete once `settled`.",
    input: RunPath.extend({
      /** Those of an earlier attempt; left out: of the last one. */
      attempt: z.coerce.number().int().positive().optional(),
    }),
    output: z.object({ settled: z.boolean(), artifacts: z.array(Artifact) }),
    successStatus: 200,
  },
  listAgents: {
    method: "GET",
    path: "/v1/agents",
    summary: "The agents and whether they are in contact.",
    input: z.strictObject({}),
    output: z.object({ agents: z.array(AgentSummary) }),
    successStatus: 200,
  },
  drainAgent: {
    method: "POST",
    path: "/v1/agent/drain",
    summary: "The agent takes on no more runs; what runs on it goes on, what waits for it waits.",
    input: z.strictObject({ agent: AgentName, note: Note }),
    output: AgentSummary,
    successStatus: 200,
  },
  undrainAgent: {
    method: "POST",
    path: "/v1/agent/undrain",
    summary: "The agent takes on runs again.",
    input: z.strictObject({ agent: AgentName }),
    output: AgentSummary,
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
  /** GET: the content of one artifact; of the last attempt if none is named. */
  artifact: (run: string, name: string, attempt?: number) =>
    `/v1/runs/${run}/artifacts/${name.split("/").map(encodeURIComponent).join("/")}${attempt === undefined ? "" : `?attempt=${attempt}`}`,
} as const;
