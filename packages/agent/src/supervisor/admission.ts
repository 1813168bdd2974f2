import type { Attempt } from "./attempt.ts";
import type { FenceTable } from "./fence-table.ts";
import { findMissingProgram } from "./interpreter.ts";
import type { AttemptSpec, Refusal, StartLicence } from "./protocol.ts";

/** `MAX_ARG_STRLEN` of Linux. */
const LONGEST_VARIABLE_BYTES = 128 * 1024;

export interface AdmissionView {
  /** Session of the agent connection as it is now; undefined when there is none. */
  readonly session: string | undefined;
  readonly nowBootMs: number;
  readonly isStopping: boolean;
  readonly fences: FenceTable;
  readonly attempts: Iterable<Attempt>;
  /** Where the script's environment looks for programs. */
  readonly searchPath: string;
}

/** Why this attempt must not start here, in the order that matters; undefined when it may. */
export function findRefusal(spec: AttemptSpec, view: AdmissionView): Refusal | undefined {
  const licenceRefusal = findLicenceRefusal(spec.licence, view);
  if (licenceRefusal !== undefined) return licenceRefusal;
  if (view.isStopping) return { code: "stopping", message: "the supervisor is stopping" };
  if (view.fences.isStale(spec.job, spec.fence)) {
    const { epoch, sequence } = spec.fence;
    return { code: "stale-fence", message: `the host has seen a fence of this job as high as ${epoch}:${sequence}` };
  }
  for (const attempt of view.attempts) {
    if (attempt.job !== spec.job || (attempt.allowsOverlap && spec.allowsOverlap) || !attempt.isHeld()) continue;
    return { code: "held", message: `the host still holds attempt ${attempt.name} of this job` };
  }
  const oversized = Object.entries(spec.env).find(([name, value]) => isOversized(name, value));
  if (oversized !== undefined) {
    return { code: "payload-invalid", message: `the variable ${oversized[0]} is too long for this host` };
  }
  const missing = findMissingProgram(spec.interpreter, view.searchPath);
  if (missing === undefined) return undefined;
  return { code: "interpreter-missing", message: `the host has no program "${missing}": install it or put it in PATH` };
}

/** The kernel would refuse it only after the fork, where it looks like a script that failed. */
function isOversized(name: string, value: string): boolean {
  return Buffer.byteLength(name) + Buffer.byteLength(value) + 2 > LONGEST_VARIABLE_BYTES;
}

/** Asked once more directly before the spawn: the journal's sync in between may have taken any time. */
export function findLicenceRefusal(
  licence: StartLicence,
  view: Pick<AdmissionView, "session" | "nowBootMs">,
): Refusal | undefined {
  if (licence.session !== view.session) {
    return { code: "no-licence", message: "the licence is of another session than the agent's connection" };
  }
  if (view.nowBootMs < licence.endsAtBootMs) return undefined;
  return { code: "no-licence", message: `licence ${licence.number} has ended` };
}
