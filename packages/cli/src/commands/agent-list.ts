import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { instantText } from "../view-text.ts";

const HEADER = ["AGENT", "ID", "CONTACT", "TAKES RUNS", "SLOTS", "LAST BEAT", "LABELS"].map((text): Cell => ({
  text,
  colour: "dim",
}));

/** Prints the agents, and whether they are in contact. */
export async function listAgents({ jobs, output, io }: Context): Promise<void> {
  const agents = await jobs.listAgents({ signal: io.interrupt });
  if (output.isJson) return output.json({ agents });
  if (agents.length === 0) return output.note("There are no agents yet.");
  output.table([
    HEADER,
    ...agents.map(({ name, id, inContact, assigned, slots, lastBeatAt, labels, drain }): Cell[] => [
      name,
      id,
      inContact ? { text: "yes", colour: "green" } : { text: "no", colour: "red" },
      drain === undefined ? "yes" : { text: `no: ${drain.by} drains it`, colour: "yellow" },
      `${assigned} of ${slots}`,
      instantText(lastBeatAt),
      Object.entries(labels)
        .map((pair) => pair.join("="))
        .join(" "),
    ]),
  ]);
}

/** Lets an agent take on no more runs, or runs again. */
export async function steerAgent(
  { jobs, output, io }: Context,
  { action, agent }: { readonly action: "drain" | "undrain"; readonly agent: string },
  { note }: { readonly note?: string },
): Promise<void> {
  const call = { signal: io.interrupt };
  const summary = action === "drain" ? await jobs.drainAgent(agent, note, call) : await jobs.undrainAgent(agent, call);
  if (output.isJson) return output.json(summary);
  const still = summary.assigned === 0 ? "" : `; ${summary.assigned} still run on it`;
  output.line(action === "drain" ? `${summary.name} takes on no more runs${still}.` : `${summary.name} takes on runs.`);
}
