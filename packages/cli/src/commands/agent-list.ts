import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { instantText } from "../view-text.ts";

const HEADER = ["AGENT", "ID", "CONTACT", "SLOTS", "LAST BEAT", "LABELS"].map((text): Cell => ({
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
    ...agents.map(({ name, id, inContact, assigned, slots, lastBeatAt, labels }): Cell[] => [
      name,
      id,
      inContact ? { text: "yes", colour: "green" } : { text: "no", colour: "red" },
      `${assigned} of ${slots}`,
      instantText(lastBeatAt),
      Object.entries(labels)
        .map((pair) => pair.join("="))
        .join(" "),
    ]),
  ]);
}
