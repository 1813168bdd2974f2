/** A start on time: the host is told a moment early, and holds it back until the instant. */
import { currentAttempt, type Run } from "../domain/run.ts";
import type { DecisionContext } from "./view.ts";

/**
 * A run that can start at its instant is handed to its host so long before, milliseconds: longer than it takes to be stored
 * and to get there. All else that may become of it is decided at the instant.
 */
const EARLY_MS = 100;

/** The context as it is to be at the instant, if that is so near that a host may be told now; else undefined. */
export function asOf(atMs: number, context: DecisionContext): DecisionContext | undefined {
  const leftMs = atMs - Date.parse(context.now);
  return leftMs > 0 && leftMs <= EARLY_MS ? { ...context, now: new Date(atMs).toISOString() } : undefined;
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
