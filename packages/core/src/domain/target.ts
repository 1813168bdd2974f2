import { z } from "zod";
import { AgentId } from "./ids.ts";
import { Selector } from "./selector.ts";

const PREFERENCES_MAX = 10;

/** Where a run may go: one agent by its name, or any agent that matches labels. */
export const Target = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("agent"),
    agent: AgentId,
    /** The agent's name when the run was submitted, for people. */
    name: z.string(),
  }),
  z.looseObject({
    kind: z.literal("any"),
    labels: z.string(),
    /** Those that match the first of these go first, then the second … */
    prefer: z.array(z.string()).optional(),
  }),
]);
export type Target = z.infer<typeof Target>;

/** A target as a tool says it. */
export const TargetInput = z.union(
  [
    z.string().min(1),
    z.strictObject({
      /** Any agent that matches: the least loaded, of equals the one that was idle for longest. */
      any: Selector,
      /** Among those, agents that match the first of these go first, then the second … */
      prefer: z.array(Selector).max(PREFERENCES_MAX).optional(),
    }),
  ],
  { error: "An agent's name or id, or { any: selector, prefer?: [selector, …] }." },
);
export type TargetInput = z.infer<typeof TargetInput>;

/** For people: a host's name, or which hosts. */
export function nameOfTarget(target: Target): string {
  return target.kind === "agent" ? target.name : `any of ${target.labels}`;
}

/** As it would have to be said again. */
export function targetInputOf(target: Target): TargetInput {
  if (target.kind === "agent") return target.agent;
  return { any: target.labels, ...(target.prefer === undefined ? {} : { prefer: target.prefer }) };
}

/** The same for targets that are the same. */
export function targetKey(target: Target): string {
  return target.kind === "agent" ? target.agent : JSON.stringify([target.kind, target.labels, target.prefer ?? []]);
}
