import { ARTIFACT_MAX_BYTES, ARTIFACTS_MAX } from "./artifact.ts";
import { describeGivenUp, describeTimeout, findGivenUp, howItEnded } from "./attempt-end.ts";
import type { HostCounts } from "./fan-out.ts";
import { currentAttempt, hostOf, type Run } from "./run.ts";
import { nameOfTarget } from "./target.ts";

/** What a sentence may say beside the record. */
export interface Contact {
  /** Since when the host says nothing of the run, RFC 3339. */
  readonly silentSince?: string | undefined;
  /** The run that is in its way. */
  readonly blockedBy?: string | undefined;
  /** How its hosts stand, when it is for several. */
  readonly hosts?: HostCounts | undefined;
  /** What is paused, when it goes to no other host for that. */
  readonly paused?: "job" | "all" | undefined;
}

/** One honest sentence on where a run stands or how it ended. */
export function describeRun(run: Run, facts: Contact = {}): string {
  switch (run.state) {
    case "submitted":
      return `Accepted; its time is ${run.times.dueAt ?? "still to come"}.${run.hold === undefined ? "" : ` Held by ${run.hold.by}.`}`;
    case "pending":
      return describePending(run, facts);
    case "running":
      return describeRunning(run, facts);
    case "completed":
    case "failed":
    case "cancelled":
    case "skipped":
      return describeEnd(run) + describeTries(run) + describeLog(run) + describeArtifacts(run);
  }
}

function describeRunning(run: Run, { silentSince, hosts, paused }: Contact): string {
  if (run.fanOut !== undefined) {
    const by =
      run.cancel !== undefined
        ? ` ${askedToEnd(run.cancel)}; not every host has confirmed its end yet.`
        : paused !== undefined && (hosts?.notStarted ?? 0) + (hosts?.waiting ?? 0) > 0
          ? ` ${paused === "job" ? "The job is paused" : "All jobs are paused"}: no other host begins it.`
          : "";
    return `Running on ${hostsText(run.fanOut.agents.length)}${hosts === undefined ? "" : `: ${describeHosts(hosts)}`}.${by}`;
  }
  const host = hostOf(run);
  const asked = run.cancel === undefined ? "" : ` ${askedToEnd(run.cancel)}, the host has not confirmed its end yet.`;
  if (currentAttempt(run)?.lost !== undefined)
    return `Lost: ${host} said nothing of it for too long. The job stays busy until the host tells how it ended, or somebody resolves it.${asked}`;
  if (silentSince !== undefined)
    return `No contact with ${host} since ${silentSince}: nobody knows yet how it stands.${asked}`;
  return asked === "" ? `Running on ${host}.` : `Running on ${host};${asked}`;
}

function replacement({ cancel }: Run): string {
  return cancel?.replacedBy === undefined ? "another run" : `run ${cancel.replacedBy} of ${cancel.by}`;
}

function askedToEnd({ by, replacedBy }: NonNullable<Run["cancel"]>): string {
  return replacedBy === undefined ? `${by} asked to cancel it` : `run ${replacedBy} of ${by} is to take its place`;
}

function describePending(run: Run, { silentSince, blockedBy }: Contact): string {
  if (run.cancel !== undefined) return `${run.cancel.by} asked to cancel it; the host has not confirmed yet.`;
  if (currentAttempt(run) !== undefined)
    return silentSince === undefined
      ? `Handed to ${hostOf(run)}; it has not started yet.`
      : `Handed to ${hostOf(run)}, which has no contact since ${silentSince}: nobody knows whether it started.`;
  const { refusal } = run.attempts.at(-1) ?? {};
  const givenUp = findGivenUp(run);
  const after =
    (givenUp === undefined ? "" : ` ${describeGivenUp(givenUp)}.`) +
    (refusal === undefined || givenUp?.refusal === refusal ? "" : ` The last try was not started: ${refusal.message}`);
  const place = nameOfTarget(run.target);
  const isOne = run.target.kind === "agent";
  switch (run.waitingFor) {
    case "agent":
      return isOne
        ? `Waiting for ${place}, which is not in contact.${after}`
        : `Waiting for ${place}: none that takes it is in contact.${after}`;
    case "draining":
      return isOne ? `Waiting: ${place} drains.${after}` : `Waiting for ${place}: those in contact drain.${after}`;
    case "slot":
      return `Waiting for a free slot on ${place}.${after}`;
    case "retry":
      return `Waiting for its next try${givenUp?.retryAt === undefined ? "" : ` at ${givenUp.retryAt}`}.${after}`;
    case "previous-run":
      return `Waiting for ${blockedBy === undefined ? "the previous run" : `run ${blockedBy}`} of the job.${after}`;
    case "dependency":
      return `Waiting for the runs it depends on.${after}`;
    case "left-over":
      return `Waiting: a host still runs an attempt of the job that no record accounts for.${after}`;
    case "restored-store":
      return `Waiting: the store was restored, and not every host has said yet what runs on it.${after}`;
    case "held":
      return `Held by ${run.hold?.by ?? "an operator"}: it starts once it is released.${after}`;
    case "job-paused":
      return `Waiting: the job is paused.${after}`;
    case "all-paused":
      return `Waiting: all jobs are paused.${after}`;
    case undefined:
      return `Waiting to be assigned.${after}`;
  }
}

function describeHosts(counts: HostCounts): string {
  const { completed, failed, cancelled, skipped, running = 0, waiting = 0, notStarted } = counts;
  const parts = [
    [completed, "completed"],
    [failed, "failed"],
    [cancelled, "cancelled"],
    [skipped, "skipped"],
    [running, "running"],
    [waiting, "waiting"],
    [notStarted, "not begun"],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return told.length === 0 ? "none" : told.join(", ");
}

function hostsText(count: number): string {
  return count === 1 ? "1 host" : `${count} hosts`;
}

function describeEnd(run: Run): string {
  if (run.fanOut?.counts !== undefined) {
    const total = run.fanOut.agents.length;
    const hosts = `${hostsText(total)}: ${describeHosts(run.fanOut.counts)}.`;
    if (run.state === "completed")
      return `The script ended by itself with exit code 0 on ${total === 1 ? "" : "all "}${hosts}`;
    if (run.reason === "hosts-failed") return `Not all hosts completed it. Of ${hosts}`;
    if (run.reason === "replaced-by") return `Ended because ${replacement(run)} took its place. Of ${hosts}`;
    return `Cancelled: ${run.cancel === undefined ? "" : `${askedToEnd(run.cancel)}. `}Of ${hosts}`;
  }
  const givenUp = findGivenUp(run);
  const attempt = currentAttempt(run) ?? givenUp ?? run.attempts.at(-1);
  const exit = attempt?.exit;
  const how = attempt === undefined ? "an unknown end" : howItEnded(attempt);
  const leftOver = exit?.leftOverPids ?? [];
  const left = leftOver.length > 0 ? ` Processes that could not be ended: ${leftOver.join(", ")}.` : "";
  const host = hostOf(run);
  switch (run.reason) {
    case "exit":
      return (
        (run.state === "completed"
          ? `The script ended by itself with exit code 0 on ${host}.`
          : `The script ended by itself with ${how} on ${host}.`) + left
      );
    case "signal":
      return `The script was ended by ${how} on ${host}, not by Jobs.${left}`;
    case "cancelled-by":
      if (givenUp !== undefined)
        return `Cancelled by ${run.cancel?.by ?? "a user"} while it waited for another attempt. ${describeGivenUp(givenUp)}.${left}`;
      return (
        (exit === undefined
          ? `Cancelled by ${run.cancel?.by ?? "a user"} before it started.`
          : `Cancelled by ${run.cancel?.by ?? "a user"}: the script ended with ${how} on ${host}.`) + left
      );
    case "replaced-by":
      return (
        (run.state === "skipped"
          ? `Skipped: ${replacement(run)} took its place before it started.`
          : givenUp !== undefined
            ? `Ended because ${replacement(run)} took its place while it waited for another attempt. ${describeGivenUp(givenUp)}.`
            : `Ended because ${replacement(run)} took its place: the script ended with ${how} on ${host}.`) + left
      );
    case "dst-gap":
      return `Skipped: the clocks are put forward over that time.${slots(run)}`;
    case "paused":
      return `Skipped: the job, its schedule or everything was paused.${slots(run)}`;
    case "blackout":
      return `Skipped: it falls into a blackout of the schedule.${slots(run)}`;
    case "overlap":
      return `Skipped: ${inTheWayOf(run)} when it was to start.${slots(run)}`;
    case "missed":
      return `Skipped: no server could start it when its time came.${slots(run)}`;
    case "dependency-failed":
      return `Skipped: ${describeUnmet(run)}.`;
    case "hosts-failed":
      return `Skipped: it had failed on too many other hosts before ${host} began it.`;
    case "no-agent":
      return `Skipped: no agent that it may go to was there when its time came.${slots(run)}`;
    case "invalid":
      return "It did not begin: more agents match its target than one run can be on.";
    case "expired-in-queue":
      return `Skipped: it waited for too long${waitedFor(run)}.`;
    case "timeout":
      return `${attempt === undefined ? "It ran into a limit" : describeTimeout(run, attempt)}: ${host} ended it with ${how}.${left}`;
    case "lost":
      if (run.resolved !== undefined)
        return `${run.resolved.by} said that nothing of it runs on ${host} any more; nobody saw how it ended.`;
      if (attempt?.lost !== undefined)
        return `Lost: ${host} said nothing of it for ${Math.round(attempt.lost.silentMs / 60_000)} minutes; nobody saw how it ended.${left}`;
      return `Ended by the host ${host} with ${how} because it had no contact for too long.${left}`;
    case "host-restarted":
      return `The host ${host} restarted while the script ran; nobody saw how it ended.`;
    case "host-stopped":
      return `The agent on ${host} was stopped and ended the script with ${how}.${left}`;
    case "supervisor-ended":
      return `The supervisor on ${host} ended while the script ran; what was left of the script was ended, its exit code is not known.${left}`;
    case "refused-by-agent":
      return `The agent on ${host} refused it: ${run.attempts.at(-1)?.refusal?.message ?? "no reason given."}`;
    default:
      return `Ended: ${run.reason ?? run.state}.`;
  }
}

/** What a run waited for that is skipped for it; records of older servers do not say. */
function waitedFor({ waitedFor: what, target }: Run): string {
  const place = nameOfTarget(target);
  switch (what) {
    case "agent":
      return `, at last for contact with ${place}`;
    case "draining":
      return `, at last for ${place} to be undrained`;
    case "slot":
      return `, at last for a free slot on ${place}`;
    case "previous-run":
      return ", at last for the previous run of the job";
    case "dependency":
      return ", at last for the runs it depends on";
    case "left-over":
      return ", at last for the end of an attempt that no record accounts for";
    case "restored-store":
      return ", at last for word from every host after a restore of the store";
    case "job-paused":
      return ", at last for the job to be resumed";
    case "all-paused":
      return ", at last for all jobs to be resumed";
    default:
      return "";
  }
}

function inTheWayOf({ skippedFor, overlap }: Run): string {
  if (skippedFor !== undefined) return `run ${skippedFor} of the job lived`;
  return overlap === "reject" || overlap === "allow"
    ? "another run of the job lived"
    : "too many runs of the job waited";
}

/** How the run ended that it depends on; records of older servers do not say. */
function describeUnmet({ after, unmet }: Run): string {
  if (unmet === undefined) return "a run that it depends on did not end as it had to";
  const had = after?.on === "failed" ? "failed" : "completed";
  const how =
    unmet.state === undefined ? "nobody knows any more how that ended" : `that ended otherwise: ${unmet.state}`;
  return `it was to start once run ${unmet.run} of “${unmet.job}” had ${had}, and ${how}`;
}

/** Of how many slots of a schedule a record tells. */
function slots({ slot }: Run): string {
  if (slot?.count === undefined || slot.count === 1) return "";
  return ` ${slot.count} slots, from ${slot.at} to ${slot.until}.`;
}

/** The tries before the last one. */
function describeTries(run: Run): string {
  const last = currentAttempt(run);
  const failures = run.attempts.filter((one) => one.retryAt !== undefined && one !== last).length;
  if (failures === 0) return "";
  const wasRefused = run.reason === "refused-by-agent";
  if (run.state === "failed" && last === undefined && !wasRefused) return " No other try found a place in time.";
  return last === undefined && !wasRefused ? "" : ` ${failures} ${failures === 1 ? "try" : "tries"} before it failed.`;
}

function describeArtifacts({ output }: Run): string {
  const leftOut = output?.attempts.at(-1)?.artifactsLeftOut ?? 0;
  return leftOut === 0
    ? ""
    : ` ${leftOut} files of its output were not kept: they could not be read, are larger than ${ARTIFACT_MAX_BYTES / 1024 ** 3} GiB, or are more than ${ARTIFACTS_MAX}, or fewer with very long names.`;
}

function describeLog(run: Run): string {
  const log = run.output?.attempts.at(-1)?.log;
  if (log === undefined || log.complete) return "";
  const missing = (log.missing ?? []).map(([from, to]) => `${from}–${to - 1}`).join(", ");
  return missing === "" ? " The log is not complete." : ` The log is not complete: bytes ${missing} are missing.`;
}
