import { ARTIFACTS_MAX } from "./artifact.ts";
import { currentAttempt, type Run } from "./run.ts";

/** One honest sentence on where a run stands or how it ended. */
export function describeRun(run: Run): string {
  switch (run.state) {
    case "submitted":
      return "Accepted; its time has not come.";
    case "pending":
      return describePending(run);
    case "running":
      return run.cancel === undefined
        ? `Running on ${run.target.name}.`
        : `Running on ${run.target.name}; ${run.cancel.by} asked to cancel it, the host has not confirmed its end yet.`;
    case "completed":
    case "failed":
    case "cancelled":
    case "skipped":
      return describeEnd(run) + describeLog(run) + describeArtifacts(run);
  }
}

function describePending(run: Run): string {
  if (run.cancel !== undefined) return `${run.cancel.by} asked to cancel it; the host has not confirmed yet.`;
  if (currentAttempt(run) !== undefined) return `Handed to ${run.target.name}; it has not started yet.`;
  const refusal = run.attempts.at(-1)?.refusal;
  const after = refusal === undefined ? "" : ` The last try was not started: ${refusal.message}`;
  switch (run.waitingFor) {
    case "agent":
      return `Waiting for ${run.target.name}, which is not in contact.${after}`;
    case "slot":
      return `Waiting for a free slot on ${run.target.name}.${after}`;
    case "previous-run":
      return `Waiting for the previous run of the job.${after}`;
    case "dependency":
      return `Waiting for the runs it depends on.${after}`;
    case undefined:
      return `Waiting to be assigned.${after}`;
  }
}

function describeEnd(run: Run): string {
  const attempt = run.attempts.at(-1);
  const exit = attempt?.exit;
  const how =
    exit?.exitCode !== undefined
      ? `exit code ${exit.exitCode}`
      : exit?.signal !== undefined
        ? `signal ${exit.signal}`
        : "an unknown end";
  const leftOver = exit?.leftOverPids ?? [];
  const left = leftOver.length > 0 ? ` Processes that could not be ended: ${leftOver.join(", ")}.` : "";
  const host = run.target.name;
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
      return (
        (exit === undefined
          ? `Cancelled by ${run.cancel?.by ?? "a user"} before it started.`
          : `Cancelled by ${run.cancel?.by ?? "a user"}: the script ended with ${how} on ${host}.`) + left
      );
    case "lost":
      return `Ended by the host ${host} with ${how} because it had no contact for too long.${left}`;
    case "host-restarted":
      return `The host ${host} restarted while the script ran; nobody saw how it ended.`;
    case "host-stopped":
      return `The agent on ${host} was stopped and ended the script with ${how}.${left}`;
    case "supervisor-ended":
      return `The supervisor on ${host} ended while the script ran; what was left of the script was ended, its exit code is not known.${left}`;
    case "refused-by-agent":
      return `The agent on ${host} refused it: ${attempt?.refusal?.message ?? "no reason given."}`;
    default:
      return `Ended: ${run.reason ?? run.state}.`;
  }
}

function describeArtifacts({ output }: Run): string {
  const leftOut = output?.attempts.at(-1)?.artifactsLeftOut ?? 0;
  return leftOut === 0
    ? ""
    : ` ${leftOut} files of its output were not kept: they could not be read, or are more than ${ARTIFACTS_MAX}.`;
}

function describeLog(run: Run): string {
  const log = run.output?.attempts.at(-1)?.log;
  if (log === undefined || log.complete) return "";
  const missing = (log.missing ?? []).map(([from, to]) => `${from}–${to - 1}`).join(", ");
  return missing === "" ? " The log is not complete." : ` The log is not complete: bytes ${missing} are missing.`;
}
