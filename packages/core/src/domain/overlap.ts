import { z } from "zod";

/**
 * What happens when a job is still busy as its next run comes. Each run freezes its policy;
 * two runs of one job overlap only if both froze `allow`.
 */
export const OverlapPolicy = z.enum(["reject", "queue", "queue-latest", "replace", "allow"]);
export type OverlapPolicy = z.infer<typeof OverlapPolicy>;

/** The policies that a submission may ask for today; the others have their place in the records. */
export const SubmittableOverlap = OverlapPolicy.extract(["reject", "allow"]);

/** True when two runs with these frozen policies may run at the same time. */
export function mayOverlap(one: OverlapPolicy, other: OverlapPolicy): boolean {
  return one === "allow" && other === "allow";
}
