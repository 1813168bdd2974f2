/** What a tool hands in to have something run. */
import { z } from "zod";
import { DependsOn, Otherwise } from "../domain/dependencies.ts";
import { RunId } from "../domain/ids.ts";
import { JobName } from "../domain/job-name.ts";
import { Parameter } from "../domain/parameters.ts";
import { PolicySettings } from "../domain/policy.ts";
import { TargetInput } from "../domain/target.ts";
import { VariableName } from "../domain/variable-name.ts";

/** Environment of a script. */
const Environment = z.record(VariableName, z.string(), {
  error: (issue) => (issue.code === "invalid_key" ? issue.issues?.[0]?.message : undefined),
});
const Interpreter = z.array(z.string().min(1)).min(1);

/** What is run, and where. */
export const Content = {
  /** The script's text, up to 1 MiB of UTF-8. */
  script: z.string(),
  /** The agent's name or id, or which agents by their labels. May be left out while there is only one agent. */
  on: TargetInput.optional(),
  /** Command line in front of the script file; left out: the script's `#!` line, else bash. */
  interpreter: Interpreter.optional(),
  /** Environment of the script: up to 1,000 variables, of 128 KiB each and 1 MiB in all; names that begin with `JOBS_` are not allowed. */
  env: Environment.optional(),
};

/** What a run of a job does when nobody hands in a script. */
export const TaskInput = z.strictObject({
  ...Content,
  /** What a run of it may be given. */
  parameters: z.array(Parameter).max(50).optional(),
});
export type TaskInput = z.input<typeof TaskInput>;

/** When a run starts, and after what. */
const When = {
  /** Its time, of a day and an hour that exist: RFC 3339 with an offset, or a wall clock (`2026-12-01T02:30`) in `zone`. Left out: now. */
  at: z.string().max(64).optional(),
  /** The IANA time zone of a wall clock, e.g. `Europe/Berlin`. */
  zone: z.string().min(1).max(64).optional(),
  /** What must have ended before it starts. */
  after: z
    .strictObject({
      /** Runs, by their ids. */
      runs: z.array(RunId).max(50).default([]),
      /** Jobs: of each its latest run, as it stands at the submission. */
      jobs: z.array(JobName).max(50).default([]),
      /** Ends that let it start: `completed`; `failed`: any other; `ended`: any. */
      on: DependsOn.default("completed"),
      /** When one has ended otherwise: `skip` it (`dependency-failed`), or `run` it all the same. */
      otherwise: Otherwise.default("skip"),
    })
    .optional(),
};

/** How a run is asked for, whatever it does. */
export const Asked = {
  /** Idempotency key, per job: the same key gives the same run. */
  key: z.string().min(1).max(256).optional(),
  /** It is accepted and does not start before it is released. */
  hold: z.boolean().optional(),
  ...When,
  ...PolicySettings.shape,
};

/** A submission as a tool sends it. */
export const SubmitInput = z.strictObject({
  /** The job: 1 to 128 characters, any but control characters. */
  name: JobName,
  ...Content,
  ...Asked,
});
export type SubmitInput = z.input<typeof SubmitInput>;
