/** Nothing is stuck: every run that has not settled has somebody who must do the next step, and an instant by which it is to be done. */
import { instantOf } from "../domain/instant.ts";
import { currentAttempt, findLeftOver, hasEnded, hostOf, isAhead, isWaiting, type Run } from "../domain/run.ts";
import { nameOfTarget } from "../domain/target.ts";
import { waitEndsAt } from "./reconcile.ts";
import { failedTry } from "./retry.ts";

/** Who has to do the next step of a run. */
export interface Ownership {
  readonly owner: "server" | "agent" | "operator" | "run";
  /** The agent's name, or the run that is waited for. */
  readonly who?: string | undefined;
  /** RFC 3339. Past it, somebody should look. None while a host in contact runs it: its silence is the alarm. */
  readonly deadlineAt?: string | undefined;
  /** What to do when the deadline has passed, for people. */
  readonly advice: string;
}

/** What the record does not say. */
export interface RunFacts {
  /** The run that is in its way, or that it depends on, if there is one. */
  readonly blockedBy?: string | undefined;
  /** Since when its host says nothing of it, RFC 3339; undefined while it does. */
  readonly silentSince?: string | undefined;
}

const MINUTE_MS = 60_000;
/** A start is answered at once, or with the next licence. */
const START_WITHIN_MS = 3 * MINUTE_MS;
/** After the grace a host needs some seconds to prove that nothing is left. */
const END_WITHIN_MS = MINUTE_MS;
/** Log and artifacts of any size that a network carries in reasonable time. */
const SETTLE_WITHIN_MS = 15 * MINUTE_MS;
/** Held or paused by an operator, who may have forgotten it. */
const HELD_WITHIN_MS = 24 * 60 * MINUTE_MS;

/** A run that comes due is decided on at once, unless no server decides. */
const DUE_WITHIN_MS = MINUTE_MS;

/** Undefined once nothing is left to do for a run. */
export function ownerOf(run: Run, facts: RunFacts): Ownership | undefined {
  if (run.times.settledAt !== undefined) return undefined;
  if (hasEnded(run)) return ownerOfEnded(run);
  if (isAhead(run)) return ownerOfAhead(run);
  if (run.fanOut !== undefined) return { owner: "run", advice: `Look at its hosts: \`jobs hosts ${run.run}\`.` };
  return isWaiting(run) ? ownerOfWaiting(run, facts) : ownerOfAssigned(run, facts);
}

function ownerOfAhead(run: Run): Ownership {
  if (run.hold !== undefined) return ownerOfHeld(run, run.hold.at);
  const deadlineAt = later(run.times.dueAt ?? run.times.submittedAt, DUE_WITHIN_MS);
  return { owner: "server", deadlineAt, advice: "No server decides: look at the servers and at NATS." };
}

function ownerOfEnded(run: Run): Ownership {
  const endedAt = run.times.endedAt ?? run.times.submittedAt;
  const leftOver = findLeftOver(run)?.exit?.leftOverPids ?? [];
  if (leftOver.length > 0) {
    const advice = `End the processes ${leftOver.join(", ")} on ${hostOf(run)}, or \`jobs resolve ${run.run}\` when they are gone.`;
    return { owner: "operator", deadlineAt: endedAt, advice };
  }
  if (run.partOf !== undefined)
    return { owner: "run", who: run.partOf, advice: "Look at the run that it is a part of." };
  // A range of skipped slots stays until a later slot closes it.
  if (run.slot?.count !== undefined) return { owner: "server", advice: "Look at the schedule of the job." };
  const deadlineAt = later(endedAt, SETTLE_WITHIN_MS);
  // No host has anything of a run that none began.
  if (run.fanOut === undefined && run.attempts.every(({ refusal }) => refusal !== undefined)) {
    const advice = "The server has to write it to the history: look at the servers and at NATS.";
    return { owner: "server", deadlineAt, advice };
  }
  const advice = `Its log or its artifacts are not all there: look at ${hostOf(run)} and at the artifact store. When the host is gone for good, \`jobs resolve ${run.run}\`.`;
  return { owner: "server", deadlineAt, advice };
}

function ownerOfWaiting(run: Run, { blockedBy }: RunFacts): Ownership {
  const since = run.hold?.at ?? run.times.pendingAt ?? run.times.submittedAt;
  const deadlineAt = waitEndsAt(run) ?? later(since, HELD_WITHIN_MS);
  switch (run.waitingFor) {
    case "held":
      return ownerOfHeld(run, since);
    case "job-paused":
      return { owner: "operator", deadlineAt, advice: `\`jobs resume '${run.job}'\`, or cancel it.` };
    case "all-paused":
      return { owner: "operator", deadlineAt, advice: "`jobs resume --all`, or cancel it." };
    case "retry":
      return { ...ownerOfAhead(run), deadlineAt: later(failedTry(run)?.retryAt ?? since, DUE_WITHIN_MS) };
    case "restored-store":
      return {
        owner: "operator",
        deadlineAt,
        advice: "Start the agents that are out of contact; after an hour none is waited for.",
      };
    case "left-over":
      return { owner: "operator", deadlineAt, advice: "End what is left over of an earlier run on its host." };
    case "draining":
      return { owner: "operator", deadlineAt, advice: "`jobs agents undrain` its agent, or cancel the run." };
    case "previous-run":
    case "dependency":
      return { owner: "run", who: blockedBy, deadlineAt, advice: "Look at the run that it waits for." };
    default: {
      const who = nameOfTarget(run.target);
      return { owner: "agent", who, deadlineAt, advice: `Start the agent on ${who}, or give it more slots.` };
    }
  }
}

function ownerOfHeld({ run }: Run, since: string): Ownership {
  return {
    owner: "operator",
    deadlineAt: later(since, HELD_WITHIN_MS),
    advice: `\`jobs release ${run}\`, or cancel it.`,
  };
}

function ownerOfAssigned(run: Run, { silentSince }: RunFacts): Ownership {
  const attempt = currentAttempt(run);
  const who = hostOf(run);
  if (attempt?.lost !== undefined) {
    const advice = `Look at ${who}; when nothing of it runs there, \`jobs resolve ${run.run}\`.`;
    return { owner: "operator", deadlineAt: attempt.lost.at, advice };
  }
  if (silentSince !== undefined) {
    // Nobody ends what may run for ever without contact but an operator; until then the host may come back.
    const advice = `Look at ${who}: it says nothing of the run. When nothing of it runs there, \`jobs resolve ${run.run}\`.`;
    const isServers = attempt?.lostAfterMs !== null && attempt?.lostAfterMs !== undefined;
    const deadlineAt = later(silentSince, isServers ? (attempt.lostAfterMs ?? 0) + MINUTE_MS : 60 * MINUTE_MS);
    return { owner: isServers ? "server" : "operator", deadlineAt, advice };
  }
  if (run.cancel !== undefined) {
    const deadlineAt = later(run.cancel.requestedAt, (attempt?.graceMs ?? 0) + END_WITHIN_MS);
    return { owner: "agent", who, deadlineAt, advice: `Look at ${who}: it does not end it.` };
  }
  if (attempt !== undefined && attempt.startedAt === undefined) {
    const deadlineAt = later(attempt.assignedAt, START_WITHIN_MS);
    return { owner: "agent", who, deadlineAt, advice: `Look at ${who}: it does not start it.` };
  }
  return { owner: "agent", who, advice: `Look at ${who} once it says nothing of the run any more.` };
}

function later(instant: string, ms: number): string {
  return instantOf(Date.parse(instant) + ms);
}
