/** What the operations on runs for several hosts do. */
import { hasEnded, JobsError, type HostView, type Run } from "@jobs/core";
import type { Changes } from "../submission/repeat.ts";
import { memberRunOf } from "../submission/run-id.ts";
import type { OperationsOptions } from "./handlers.ts";

/** The hosts of a run, in the order in which it goes to them. Throws `invalid-request` when it is for one host alone, or none was chosen. */
export function hostsOf(
  record: Run,
  { agents, runs }: Pick<OperationsOptions, "agents" | "runs">,
): Promise<HostView[]> {
  const { run, fanOut } = record;
  if (fanOut === undefined)
    throw new JobsError("invalid-request", `Run ${run} ${whyNoHosts(record)}.`, { field: "run" });
  return Promise.all(
    fanOut.agents.map(async (agent) => {
      const member = await runs.find(memberRunOf({ run, agent }));
      const name = agents.findRecord(agent)?.name ?? agent;
      return { agent, name, ...(member === undefined ? {} : { run: member }) };
    }),
  );
}

function whyNoHosts(run: Run): string {
  if (run.target.kind !== "all") return "is for one host, not for all that match";
  if (hasEnded(run)) return "ended before it went to any host";
  return "has not begun: its hosts are those that match when it does";
}

/** The agents that did not complete a run. Throws `invalid-request` when there is none, or nobody knows yet. */
export function notCompletedOf({ run, fanOut }: Run, { on }: Pick<Changes, "on">): string[] {
  const places = fanOut?.notCompleted ?? [];
  const only = places.flatMap((place) => fanOut?.agents[place] ?? []);
  if (on === undefined && only.length > 0) return only;
  const message =
    on !== undefined
      ? "Give `on` or `onlyFailed`, not both."
      : `Run ${run} has no hosts that did not complete it: it is not for several, has not ended, or all completed it.`;
  throw new JobsError("invalid-request", message, { field: "onlyFailed" });
}
