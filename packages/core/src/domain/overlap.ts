import { z } from "zod";

/**
 * What happens when a job is still busy as its next run comes. Each run freezes its policy;
 * two runs of one job overlap only if both froze `allow`.
 *
 * - `reject`: the new run is refused, with a warning that names the live one
 * - `queue`: it waits for those before it, first come, first served
 * - `queue-latest`: it waits, and takes the place of a run that waits with the same policy, which is skipped
 * - `replace`: what is in its way is cancelled; it starts once the host has proven the end of that
 * - `allow`: it runs beside others that allow it, too; by one that does not it is refused
 */
export const OverlapPolicy = z.enum(["reject", "queue", "queue-latest", "replace", "allow"]);
export type OverlapPolicy = z.infer<typeof OverlapPolicy>;

/** True when two runs with these frozen policies may run at the same time. */
export function mayOverlap(one: OverlapPolicy, other: OverlapPolicy): boolean {
  return one === "allow" && other === "allow";
}
