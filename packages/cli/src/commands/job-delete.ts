import type { Context } from "../context.ts";

/** Deletes what is said of a job, and its history when asked to. */
export async function deleteJob(
  { jobs, output, io }: Context,
  name: string,
  options: { readonly history?: boolean },
): Promise<void> {
  const history = options.history === true ? "delete" : "keep";
  await jobs.deleteJob(name, { history, signal: io.interrupt });
  if (output.isJson) return output.json({ job: name, history });
  output.line(history === "delete" ? `${name} and its history are deleted.` : `${name} is deleted, its history kept.`);
}
