import { z } from "zod";
import { JobName } from "../domain/job-name.ts";
import { Reason } from "../domain/reason.ts";
import { RunState } from "../domain/run.ts";
import { Selector } from "../domain/selector.ts";

/** One, or several of which any will do; in a query the name is repeated. */
function anyOf<const T extends Readonly<Record<string, string>>>(one: z.ZodEnum<T>) {
  const message = `one or several of ${one.options.join(", ")}`;
  return z
    .union([one, z.array(one).min(1)], { error: message })
    .transform((given) => [given].flat() as z.output<typeof one>[]);
}

const Moment = z.iso.datetime({ offset: true, error: "an instant like 2026-12-01T02:30:00+01:00" });

/** Which runs a list shows or a count counts; what is left out says nothing. */
export const RunFilter = z.strictObject({
  job: JobName.optional(),
  /** A text that is in the name of the job, in capitals or not. */
  name: z.string().min(1).max(200).optional(),
  state: anyOf(RunState).optional(),
  /** Why they ended as they did. */
  reason: anyOf(Reason).optional(),
  /** Name or id of the agent. */
  agent: z.string().min(1).max(200).optional(),
  /** Of agents whose labels match, as they are now: a selector. */
  labels: Selector.optional(),
  submittedBy: z.string().min(1).max(200).optional(),
  /** Submitted then or later. */
  since: Moment.optional(),
  /** Submitted before then. */
  until: Moment.optional(),
});
export type RunFilter = z.infer<typeof RunFilter>;

/** How many runs there are in each state. */
export const RunCounts = z.object({ total: z.number(), states: z.record(RunState, z.number()) });
export type RunCounts = z.infer<typeof RunCounts>;
