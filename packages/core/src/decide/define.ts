import type { JobDefinition, Pause } from "../domain/job.ts";
import { policyFault, policyOf, type PolicySettings } from "../domain/policy.ts";
import { JobsError } from "../errors.ts";
import { NOTHING, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** A change of what is said of a job: its policy as a whole, or whether it is paused. */
export interface DefinitionChange {
  readonly by: string;
  readonly policy?: PolicySettings | undefined;
  readonly pause?: { readonly note?: string | undefined } | undefined;
  readonly resume?: boolean | undefined;
}

/** The job's definition with the change, under the same guard as its runs; nothing when it is so already. */
export function decideDefine(view: JobView, change: DefinitionChange, context: DecisionContext): Decision {
  const before = view.definition;
  const paused = pauseOf(before?.paused, change, context.now);
  const policy = change.policy ?? before?.policy ?? {};
  const fault = policyFault(policyOf(policy));
  if (fault !== undefined)
    return { kind: "reject", error: new JobsError("invalid-request", fault.message, { field: "policy" }) };
  const isSame = JSON.stringify([before?.policy ?? {}, before?.paused]) === JSON.stringify([policy, paused]);
  if (isSame && (before !== undefined || change.policy === undefined)) return NOTHING;
  const { paused: _, ...kept } = before ?? {};
  const definition: JobDefinition = {
    ...kept,
    v: 1,
    job: view.job,
    writeId: context.writeId,
    policy,
    ...(paused === undefined ? {} : { paused }),
    updatedAt: context.now,
    updatedBy: change.by,
  };
  return { kind: "define", definition };
}

function pauseOf(before: Pause | undefined, { pause, resume, by }: DefinitionChange, now: string): Pause | undefined {
  if (resume === true) return undefined;
  if (pause === undefined || before !== undefined) return before;
  return { at: now, by, ...(pause.note === undefined ? {} : { note: pause.note }) };
}
