import { JobsError } from "@jobs/core";
import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { instantText } from "../view-text.ts";

const HEADER = ["AT", "BY", "DID", "JOB OR AGENT", "RUN", "NOTE"].map((text): Cell => ({ text, colour: "dim" }));

/** Prints who did what, the newest first. */
export async function listAudit({ jobs, output, io }: Context, { limit }: { limit: string }): Promise<void> {
  if (!/^\d+$/.test(limit)) {
    throw new JobsError("invalid-request", `--limit takes a number, not "${limit}".`, { field: "limit" });
  }
  const entries = await jobs.listAudit(Number(limit), { signal: io.interrupt });
  if (output.isJson) return output.json({ entries });
  if (entries.length === 0) return output.note("Nobody has done anything yet.");
  output.table([
    HEADER,
    ...entries.map(({ at, by, action, job, run, agent, note }) => [
      instantText(at),
      by,
      action,
      job ?? agent ?? "",
      run ?? "",
      note ?? "",
    ]),
  ]);
}
