import { z } from "zod";
import { shareSchema } from "./fan-out.ts";
import { AgentId } from "./ids.ts";
import { Selector } from "./selector.ts";

const PREFERENCES_MAX = 10;

/** Where a run may go: one agent by its name, any agent that matches labels, or all of them. */
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
  z.looseObject({
    kind: z.literal("all"),
    labels: z.string(),
    /** On so many hosts at a time; left out: on all of them. */
    atOnce: z.union([z.int(), z.string()]).optional(),
    /** It goes to no other host once more have failed. */
    maxFailed: z.union([z.int(), z.string()]).optional(),
    /** Of those that match only these. */
    only: z.array(AgentId).optional(),
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
    z.strictObject({
      /** All agents that match: one run, with a part for each. */
      all: Selector,
      /** On so many hosts at a time, or on so many percent of them; left out: on all at once. */
      atOnce: shareSchema("atOnce", 1).optional(),
      /** Once more hosts have failed, or a greater part of them, it goes to no other; left out: it goes to all. */
      maxFailed: shareSchema("maxFailed", 0).optional(),
    }),
  ],
  {
    error:
      "An agent's name or id, { any: selector, prefer?: [selector, …] }, or { all: selector, atOnce?, maxFailed? }.",
  },
);
export type TargetInput = z.infer<typeof TargetInput>;

/** For people: a host's name, or which hosts. */
export function nameOfTarget(target: Target): string {
  return target.kind === "agent" ? target.name : `${target.kind} of ${target.labels}`;
}

/** As it would have to be said again. */
export function targetInputOf(target: Target): TargetInput {
  if (target.kind === "agent") return target.agent;
  if (target.kind === "all") {
    const { labels: all, atOnce, maxFailed } = target;
    return { all, ...(atOnce === undefined ? {} : { atOnce }), ...(maxFailed === undefined ? {} : { maxFailed }) };
  }
  return { any: target.labels, ...(target.prefer === undefined ? {} : { prefer: target.prefer }) };
}

/** What is meant by labels; `only`: of all that match only these. */
export function labelTarget(
  on: Exclude<TargetInput, string>,
  only?: readonly string[],
): Exclude<Target, { kind: "agent" }> {
  if ("any" in on) {
    const { any: labels, prefer = [] } = on;
    return { kind: "any", labels, ...(prefer.length === 0 ? {} : { prefer }) };
  }
  const { all: labels, atOnce, maxFailed } = on;
  return {
    kind: "all",
    labels,
    ...(atOnce === undefined ? {} : { atOnce }),
    ...(maxFailed === undefined ? {} : { maxFailed }),
    ...(only === undefined ? {} : { only: [...only] }),
  };
}

/** The same for targets that are the same. */
export function targetKey(target: Target): string {
  if (target.kind === "agent") return target.agent;
  if (target.kind === "any") return JSON.stringify([target.kind, target.labels, target.prefer ?? []]);
  const { kind, labels, atOnce, maxFailed, only } = target;
  return JSON.stringify([kind, labels, atOnce ?? null, maxFailed ?? null, only ?? null]);
}
