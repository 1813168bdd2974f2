import { LICENCE_MS } from "../domain/attempt.ts";
import { currentAttempt, findLeftOver, hasEnded, hostOf, type Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import { onLiveRun } from "./live-run.ts";
import { endedAsLost } from "./lose.ts";
import { write, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** A word that comes again so soon is the same word, milliseconds. */
const AGAIN_MS = 5 * 60_000;

/** An operator says that nothing of a run is running any more: what the system itself cannot know. */
export interface Resolution {
  readonly run: string;
  readonly by: string;
  readonly note?: string | undefined;
}

/** Ends a run of which its host says nothing, frees a job from processes that were left over, or gives up what a host that is gone has not handed over. */
export function decideResolve(view: JobView, resolution: Resolution, context: DecisionContext): Decision {
  return onLiveRun(view, resolution.run, (run) => resolve(run, resolution, context));
}

function resolve(run: Run, { by, note }: Resolution, context: DecisionContext): Decision {
  const attempt = currentAttempt(run);
  const resolved = { at: context.now, by, ...(note === undefined ? {} : { note }) };
  // Of one that has ended, or waits for its next try.
  if ((hasEnded(run) || attempt === undefined) && findLeftOver(run) !== undefined) {
    const attempts = run.attempts.map((one) =>
      one.exit?.leftOverPids === undefined ? one : { ...one, exit: { ...one.exit, leftOverPids: [] } },
    );
    return write({ ...run, attempts, resolved }, context);
  }
  if (hasEnded(run)) return resolveEnded(run, { ...resolved, gone: true }, context);
  if (attempt === undefined) return reject(run, "No host has it: cancel it instead.");
  const agent = context.agents.get(attempt.agent);
  const own = agent?.held.find((held) => held.run === run.run && held.attempt === attempt.number);
  const isListed = own !== undefined && own.isRefused !== true;
  // A host that is in contact and holds it can be asked; one that holds it no more, or says that it never did, will never tell.
  if (agent?.licence !== undefined && (isListed || attempt.startedAt === undefined))
    return reject(run, `${hostOf(run)} is in contact and answers for it: cancel it instead.`);
  if (attempt.startedAt === undefined && (agent?.sinceBeatMs ?? LICENCE_MS) < LICENCE_MS)
    return reject(run, `${hostOf(run)} may still start it: ask again in a minute, or cancel it.`);
  return write(endedAsLost({ ...run, resolved: { ...resolved, gone: true } }, context.now), context);
}

/** What is still missing of it is waited for no longer. */
function resolveEnded(run: Run, resolved: NonNullable<Run["resolved"]>, context: DecisionContext): Decision {
  if (run.resolved !== undefined && (run.resolved.gone === true || isAgain(run.resolved, context)))
    return { kind: "known", run };
  const begun = run.attempts.filter(({ refusal }) => refusal === undefined);
  if (begun.some(({ agent }) => context.agents.get(agent)?.licence === undefined))
    return write({ ...run, resolved }, context);
  if (begun.length === 0) return reject(run, "It has ended, and nothing of it is left over.");
  return reject(run, `It has ended, and ${hostOf(run)} is in contact: it hands over what is missing.`);
}

/** Said again, because the first answer was lost. */
function isAgain({ at }: NonNullable<Run["resolved"]>, { now }: DecisionContext): boolean {
  return Date.parse(now) - Date.parse(at) < AGAIN_MS;
}

function reject(run: Run, why: string): Decision {
  const message = `There is nothing to resolve in run ${run.run}. ${why}`;
  return {
    kind: "reject",
    error: new JobsError("nothing-to-resolve", message, { field: "run", details: { run: run.run } }),
  };
}
