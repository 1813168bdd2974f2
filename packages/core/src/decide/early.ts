/** A start on time: the host is told a moment early, and holds it back until the instant. */
import { instantOf } from "../domain/instant.ts";
import { currentAttempt, type Run } from "../domain/run.ts";
import type { DecisionContext } from "./view.ts";

/**
 * A run that can start at its instant is handed to its host so long before, milliseconds: longer than it takes to be stored
 * and to get there. All else that may become of it is decided at the instant.
 */
const EARLY_MS = 100;

/** When a run's time comes, milliseconds since 1970. */
export function dueMs({ times: { dueAt, submittedAt } }: Run): number {
  return Date.parse(dueAt ?? submittedAt);
}

/** True when the instant is still to come, and so near that a host may be told now. */
export function isAtHand(atMs: number, nowMs: number): boolean {
  return atMs > nowMs && atMs - nowMs <= EARLY_MS;
}

/** The context as it is to be at an instant that is at hand; undefined of any other. */
export function asOf(atMs: number, context: DecisionContext): DecisionContext | undefined {
  return isAtHand(atMs, Date.parse(context.now)) ? { ...context, now: instantOf(atMs) } : undefined;
}

/** True when its host has been chosen, and will hold the start back until the instant. */
export function isHeldBack(run: Run, { agents }: DecisionContext): boolean {
  const agent = currentAttempt(run)?.agent;
  return agent !== undefined && agents.get(agent)?.holdsStarts === true;
}

/** When a time that is to come is to be looked at next. */
export function lookAtMs(atMs: number, nowMs: number): number {
  return atMs - EARLY_MS > nowMs ? atMs - EARLY_MS : atMs;
}
