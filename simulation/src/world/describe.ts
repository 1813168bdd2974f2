import type { Run } from "@jobs/core";

/** A record in a few words. */
export function describe({ run, state, reason, waitingFor, attempts, cancel, writeId }: Run): string {
  const last = attempts.at(-1);
  const attempt =
    last === undefined ? "" : ` attempt ${last.number} on ${last.agent}${last.refusal ? ` ${last.refusal.code}` : ""}`;
  return `${run} ${state} ${reason ?? waitingFor ?? ""}${attempt}${cancel === undefined ? "" : " (cancel asked)"} by ${writeId.slice(0, 8)}`;
}

export function nameOf({ run, attempt }: { readonly run: string; readonly attempt: number }): string {
  return `${run}.${attempt}`;
}
