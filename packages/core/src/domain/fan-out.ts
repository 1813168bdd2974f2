/** A run on all hosts that match: what is frozen of it when it begins, and what came of its hosts when it has ended. */
import { z } from "zod";
import { AgentId } from "./ids.ts";

/** So many of the hosts, or so many percent of them. */
export type Share = number | string;

const PERCENT = /^(\d{1,3})%$/;

/** `least`: of a number. */
export function shareSchema(field: string, least: 0 | 1): z.ZodType<Share, Share> {
  const error = `${field} is a whole number of hosts, at least ${least}, or a percentage such as "25%".`;
  return z
    .union([z.number(), z.string()])
    .refine((share) => (typeof share === "string" ? isPercentage(share, least) : isCount(share, least)), { error });
}

function isPercentage(text: string, least: 0 | 1): boolean {
  const percent = Number(PERCENT.exec(text)?.[1]);
  return percent >= least && percent <= 100;
}

function isCount(share: number, least: number): boolean {
  return Number.isInteger(share) && share >= least;
}

/** Of so many hosts; a percentage is rounded down. */
export function shareOf(share: Share, hosts: number): number {
  return typeof share === "number" ? share : Math.floor((Number(PERCENT.exec(share)?.[1] ?? 0) * hosts) / 100);
}

/** How many of the hosts stand where. */
export const HostCounts = z.looseObject({
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  skipped: z.int(),
  /** While the run goes on. */
  running: z.int().optional(),
  waiting: z.int().optional(),
  /** Nothing was asked of them: yet, or because the run was stopped before. */
  notStarted: z.int(),
});
export type HostCounts = z.infer<typeof HostCounts>;

export const FanOut = z.looseObject({
  /** The agents that matched when it began, in the order in which it goes to them. */
  agents: z.array(AgentId),
  /** It was asked for on these of those that matched; left out: on all of them. */
  isNarrowed: z.boolean().optional(),
  /** Once it has ended. */
  counts: HostCounts.optional(),
  /** Once it has ended: the places in `agents` of those that did not complete it. */
  notCompleted: z.array(z.int()).optional(),
});
export type FanOut = z.infer<typeof FanOut>;

/** All ids of a fan-out's agents together, in characters: they are in its record. */
export const FAN_OUT_MAX_LENGTH = 20_000;

/** Quotes and comma, and the place of one that did not complete it. */
const AROUND_LENGTH = 8;

/** True when the agents of a run fit into its record. */
export function fitsRecord(agents: readonly string[]): boolean {
  return agents.reduce((sum, agent) => sum + agent.length + AROUND_LENGTH, 0) <= FAN_OUT_MAX_LENGTH;
}
