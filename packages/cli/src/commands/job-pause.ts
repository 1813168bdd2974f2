import { JobsError } from "@jobs/core";
import type { Context } from "../context.ts";

interface Meant {
  readonly action: "pause" | "resume";
  readonly job: string | undefined;
}

/** Pauses or resumes a job, or everything. */
export async function steerJob(
  context: Context,
  { action, job }: Meant,
  { all = false, note }: { all?: boolean; note?: string },
): Promise<void> {
  if (all === (job !== undefined)) {
    throw new JobsError("invalid-request", "Name a job, or give --all; one of them.", { field: "name" });
  }
  if (job === undefined) return steerAll(context, action, note);
  const { jobs, output, io } = context;
  const options = { signal: io.interrupt };
  const view = await (action === "pause" ? jobs.pauseJob(job, note, options) : jobs.resumeJob(job, options));
  if (output.isJson) return output.json(view);
  const { paused } = view;
  if (paused === undefined) output.line(`${job} is not paused: runs of it start.`);
  else output.line(`${job} is paused by ${paused.by}: no run of it starts; what runs goes on.`);
}

async function steerAll(
  { jobs, output, io }: Context,
  action: Meant["action"],
  note: string | undefined,
): Promise<void> {
  const options = { signal: io.interrupt };
  const paused = action === "pause" ? await jobs.pauseAll(note, options) : await jobs.resumeAll(options);
  if (output.isJson) return output.json(paused === undefined ? {} : { paused });
  if (paused === undefined) output.line("Nothing keeps all jobs from starting any more; a paused job still waits.");
  else output.line(`Everything is paused by ${paused.by}: no run starts; what runs goes on.`);
}
