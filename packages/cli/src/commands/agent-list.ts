import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { instantText, timeText } from "../view-text.ts";

const HEADER = ["AGENT", "ID", "CONTACT", "TAKES RUNS", "SLOTS", "LAST BEAT", "LABELS"];

/** Prints the agents, and whether they are in contact. */
export async function listAgents({ jobs, output, io }: Context): Promise<void> {
  const agents = await jobs.listAgents({ signal: io.interrupt });
  if (output.isJson) return output.json({ agents });
  if (agents.length === 0) return output.note("There are no agents yet.");
  // Of clocks that are right nothing is to be said.
  const isAnyOff = agents.some(({ clockAheadMs }) => clockAheadMs !== undefined);
  output.table([
    [...HEADER, ...(isAnyOff ? ["CLOCK"] : [])].map((text): Cell => ({ text, colour: "dim" })),
    ...agents.map(({ name, id, inContact, assigned, slots, lastBeatAt, labels, drain, clockAheadMs }): Cell[] => [
      name,
      id,
      inContact ? { text: "yes", colour: "green" } : { text: "no", colour: "red" },
      drain === undefined ? "yes" : { text: `no: ${drain.by} drains it`, colour: "yellow" },
      `${assigned} of ${slots}`,
      instantText(lastBeatAt),
      Object.entries(labels)
        .map((pair) => pair.join("="))
        .join(" "),
      ...(clockAheadMs === undefined ? [] : [clockCell(clockAheadMs)]),
    ]),
  ]);
}

function clockCell(aheadMs: number): Cell {
  const off = timeText(Math.abs(aheadMs));
  return { text: aheadMs > 0 ? `${off} ahead` : `${off} behind`, colour: "red" };
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
