import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { instantText, stateCell } from "../view-text.ts";

const HEADER = ["RUN", "JOB", "STATE", "BY", "DUE", "WHAT TO DO"].map((text): Cell => ({ text, colour: "dim" }));

/** Prints runs whose next step should have been done by now. */
export async function listOverdue({ jobs, output, io }: Context): Promise<void> {
  const runs = await jobs.listOverdue({ signal: io.interrupt });
  if (output.isJson) return output.json({ runs });
  if (runs.length === 0) return output.note("Nothing is overdue.");
  output.table([
    HEADER,
    ...runs.map((view) => {
      const { owner, who, deadlineAt, advice } = view.next ?? { owner: "server", deadlineAt: undefined, advice: "" };
      return [view.run, view.job, stateCell(view), who ?? owner, instantText(deadlineAt), advice];
    }),
  ]);
}
