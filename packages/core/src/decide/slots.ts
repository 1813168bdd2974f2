/**
 * What becomes of a schedule's slots. Each gets a run, under an id that is made from it, and each run is written before the
 * schedule's cursor passes its slot; so a crash between the two, or two servers, make no second one and leave none out:
 *
 *   slot due ──► run written (or the range of skipped ones grows) ──► … ended ──► cursor passes it ──► settled, HISTORY
 *
 * Slots that are skipped one after another for one reason are one record, from the first to the last, which stays a live one
 * until a later slot closes it.
 */
import { instantOf } from "../domain/instant.ts";
import type { JobDefinition, Task } from "../domain/job.ts";
import { defaultsOf, shownParameters } from "../domain/parameters.ts";
import { policyOf } from "../domain/policy.ts";
import type { Reason } from "../domain/reason.ts";
import { hasEnded, isAhead, type Run } from "../domain/run.ts";
import type { StoredSchedule } from "../domain/schedule.ts";
import { nextSlot, slotsOf, type ExpectedSlot } from "../schedule/index.ts";
import { isTooOld, madeUpOf } from "./catch-up.ts";
import { asOf, dueMs, isHeldBack } from "./early.ts";
import { acceptedRun, findRejection } from "./submit.ts";
import { NOTHING, write, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** Slots that one decision looks at: an outage may have left very many. */
const LOOKED_AT_ONCE = 5_000;

/** The next step that a schedule of the job asks for. */
export function slotsDue(view: JobView, context: DecisionContext): Decision {
  const decision = firstStep({ view, context, schedules: view.definition?.schedules ?? [] });
  return decision.kind === "nothing" ? cursorsMoved(view, context) : decision;
}

/** The next step for slots of these schedules whose instants have come, as if they were due now though jitter puts them off. */
export function slotsPutOff(view: JobView, schedules: readonly StoredSchedule[], context: DecisionContext): Decision {
  return firstStep({ view, context, schedules, isPutOffNoMore: true });
}

interface Steps {
  readonly view: JobView;
  readonly context: DecisionContext;
  readonly schedules: readonly StoredSchedule[];
  readonly isPutOffNoMore?: boolean;
}

function firstStep({ view, schedules, isPutOffNoMore = false, ...given }: Steps): Decision {
  const { definition } = view;
  if (definition?.task === undefined) return NOTHING;
  const { task } = definition;
  for (const schedule of schedules.length > 1 ? inOrder(view, definition, schedules) : schedules) {
    const decision = decideSlot({ ...given, view, definition, task, schedule, isPutOffNoMore });
    if (decision.kind !== "nothing") return decision;
  }
  return NOTHING;
}

/** The one whose next slot is due first has its turn first. */
function inOrder(
  view: JobView,
  definition: JobDefinition,
  schedules: readonly StoredSchedule[],
): readonly StoredSchedule[] {
  const all = schedules.map((schedule) => ({ schedule, dueAt: nextDueAt(view, definition, schedule) }));
  all.sort((one, other) => (one.dueAt === other.dueAt ? 0 : one.dueAt - other.dueAt));
  return all.map(({ schedule }) => schedule);
}

/** When the next slot of a job is due, milliseconds since 1970. */
export function nextSlotMs(view: JobView): number | undefined {
  const { definition } = view;
  if (definition?.task === undefined) return undefined;
  const next = Math.min(...(definition.schedules ?? []).map((schedule) => nextDueAt(view, definition, schedule)));
  return Number.isFinite(next) ? next : undefined;
}

/** When the next slot of one schedule is due, milliseconds since 1970; Infinity when it has none. */
function nextDueAt(view: JobView, definition: JobDefinition, schedule: StoredSchedule): number {
  const after = reachedMs(view, definition, schedule.id);
  return nextSlot(schedule, { job: view.job, after })?.dueAt ?? Number.POSITIVE_INFINITY;
}

/** True while the cursor of its schedule has not passed a run's slot: then it stays a live run, whatever else holds. */
export function isSlotOpen({ definition }: Pick<JobView, "definition">, { slot }: Run): boolean {
  if (slot === undefined || definition?.schedules?.some(({ id }) => id === slot.schedule) !== true) return false;
  return lastMs(slot) > cursorMs(definition, slot.schedule);
}

interface Scheduled {
  readonly view: JobView;
  readonly context: DecisionContext;
  readonly definition: JobDefinition;
  readonly task: Task;
  readonly schedule: StoredSchedule;
  /** What jitter puts off is due as soon as its instant has come. */
  readonly isPutOffNoMore: boolean;
}

function decideSlot(scheduled: Scheduled): Decision {
  const { view, context, definition, schedule } = scheduled;
  const nowMs = Date.parse(context.now);
  const after = reachedMs(view, definition, schedule.id);
  const due: ExpectedSlot[] = [];
  for (const slot of slotsOf(schedule, { job: view.job, after, limit: LOOKED_AT_ONCE })) {
    const dueAt = scheduled.isPutOffNoMore && slot.at <= nowMs ? Math.min(slot.dueAt, nowMs) : slot.dueAt;
    if (dueAt > nowMs) {
      if (due.length === 0) return fireEarly(scheduled, slot);
      break;
    }
    due.push(dueAt === slot.dueAt ? slot : { ...slot, dueAt });
  }
  const [first] = due;
  if (first === undefined) return NOTHING;
  if (hadItsRun(scheduled, first)) return passed(scheduled, due);
  const { from, last } = madeUpOf({ job: view.job, schedule, due, isCut: due.length === LOOKED_AT_ONCE, nowMs });
  const reasonOf = (slot: ExpectedSlot, index: number): Reason | undefined =>
    reasonToSkip(scheduled, slot, index >= from && { isLast: slot === last });
  const reason = reasonOf(first, 0);
  if (reason === undefined) return fire(scheduled, first);
  const others = due.findIndex((slot, index) => reasonOf(slot, index) !== reason || hadItsRun(scheduled, slot));
  const skipped = others < 0 ? due : due.slice(0, others);
  return skip(scheduled, { slots: skipped, reason });
}

function reasonToSkip(
  { context, definition, schedule }: Scheduled,
  slot: ExpectedSlot,
  madeUp: false | { readonly isLast: boolean },
): Reason | undefined {
  if (slot.skip !== undefined) return slot.skip;
  // Slots of a time before the pause were missed, if they were not dealt with.
  if (schedule.paused === true || context.isPaused || definition.paused !== undefined) return "paused";
  if (madeUp === false) return "missed";
  return isTooOld(slot, schedule, { nowMs: Date.parse(context.now), isLast: madeUp.isLast }) ? "missed" : undefined;
}

/** True when a slot's run has come and gone: clocks are set back, and what is said of a job is said anew. */
function hadItsRun({ view: { job }, context, schedule }: Scheduled, slot: ExpectedSlot): boolean {
  return (
    context.stateOf({ job, run: context.slotRun({ job, schedule: schedule.id, at: instantOf(slot.at) }) }) !== undefined
  );
}

/** The cursor goes behind all slots from the first on that have had their runs. */
function passed(scheduled: Scheduled, slots: readonly ExpectedSlot[]): Decision {
  const { context, definition, schedule } = scheduled;
  const next = slots.findIndex((slot) => !hadItsRun(scheduled, slot));
  const at = slots.at(next < 0 ? -1 : next - 1)?.at ?? 0;
  return moved(definition, { ...definition.cursors, [schedule.id]: instantOf(at) }, context);
}

/** The run of a slot gets in line as a submission of this instant would; where that would be refused, the slot is skipped. */
function fire(scheduled: Scheduled, slot: ExpectedSlot): Decision {
  const { view, context, definition, task } = scheduled;
  const policy = policyOf({}, definition.policy);
  const rejection = findRejection(view, { policy, target: task.target, isHeld: false, isDependent: false }, context);
  if (rejection !== undefined)
    return skip(scheduled, { slots: [slot], reason: rejection.reason, skippedFor: rejection.run });
  return write(acceptedRun({ view, context }, submissionOf(scheduled, slot), policy), context);
}

/** A slot whose instant will come at once, if its run can start then. */
function fireEarly(scheduled: Scheduled, slot: ExpectedSlot): Decision {
  const context = asOf(slot.dueAt, scheduled.context);
  if (context === undefined) return NOTHING;
  const then = { ...scheduled, context };
  // What comes due before it may keep it from starting: then it is decided on at its instant.
  const { view } = scheduled;
  const isFirst = nextSlotMs(view) === slot.dueAt && !view.runs.some((run) => isAhead(run) && dueMs(run) <= slot.dueAt);
  if (!isFirst || hadItsRun(scheduled, slot) || reasonToSkip(then, slot, { isLast: true }) !== undefined)
    return NOTHING;
  const decision = fire(then, slot);
  return decision.kind === "write" && isHeldBack(decision.run, context) ? decision : NOTHING;
}

interface Skipped {
  readonly slots: readonly ExpectedSlot[];
  readonly reason: Reason;
  readonly skippedFor?: string | undefined;
}

function skip(scheduled: Scheduled, { slots, reason, skippedFor }: Skipped): Decision {
  const [first, last] = [slots[0], slots.at(-1)];
  if (first === undefined || last === undefined) return NOTHING;
  const { view, context, schedule } = scheduled;
  const until = instantOf(last.at);
  const open = view.runs.find(
    (run) => run.slot?.schedule === schedule.id && isRange(run) && isLatest(view, run) && isSlotOpen(view, run),
  );
  if (open?.slot !== undefined && open.reason === reason) {
    const count = (open.slot.count ?? 1) + slots.length;
    const { skippedFor: inTheWay, ...rest } = open;
    // Of several that were in the way none is named.
    const named = inTheWay === undefined || inTheWay !== skippedFor ? {} : { skippedFor };
    return write({ ...rest, ...named, slot: { ...open.slot, until, count } }, context);
  }
  const { policy: asked, dueAt = "", isHeld: _, ...asRecorded } = submissionOf(scheduled, first);
  const { overlap } = policyOf(asked, scheduled.definition.policy);
  const run: Run = {
    ...asRecorded,
    v: 1,
    writeId: context.writeId,
    state: "skipped",
    reason,
    overlap,
    slot: { schedule: schedule.id, at: instantOf(first.at), until, count: slots.length },
    ...(skippedFor === undefined ? {} : { skippedFor }),
    times: { submittedAt: context.now, dueAt, endedAt: context.now },
    attempts: [],
  };
  return write(run, context);
}

function submissionOf(
  { view: { job }, context, definition, task, schedule }: Scheduled,
  slot: ExpectedSlot,
): Parameters<typeof acceptedRun>[1] {
  const at = instantOf(slot.at);
  return {
    job,
    run: context.slotRun({ job, schedule: schedule.id, at }),
    policy: {},
    target: task.target,
    payload: task.payload,
    ...(task.parameters === undefined ? {} : { parameters: shownParameters(defaultsOf(task.parameters)) }),
    requestDigest: task.digest,
    submittedBy: definition.updatedBy,
    slot: { schedule: schedule.id, at },
    dueAt: instantOf(slot.dueAt),
  };
}

/** Once all that ended is behind them, the cursors move: one write for as many slots as there are. */
function cursorsMoved(view: JobView, context: DecisionContext): Decision {
  const { definition } = view;
  if (definition === undefined) return NOTHING;
  const cursors: Record<string, string> = {};
  let isMoved = false;
  for (const schedule of definition.schedules ?? []) {
    const { id } = schedule;
    // The latest range may grow, as long as there are slots to come.
    const mayGrow = (run: Run): boolean =>
      isRange(run) &&
      isLatest(view, run) &&
      nextSlot(schedule, { job: view.job, after: lastMs(run.slot) }) !== undefined;
    const runs = view.runs.filter((run) => run.slot?.schedule === id && !mayGrow(run));
    const beforeMs = cursorMs(definition, id);
    const toMs = Math.max(beforeMs, ...runs.map(({ slot }) => lastMs(slot)));
    isMoved ||= runs.some((run) => hasEnded(run) && lastMs(run.slot) > beforeMs);
    cursors[id] = instantOf(toMs);
  }
  return isMoved ? moved(definition, cursors, context) : NOTHING;
}

function moved(definition: JobDefinition, cursors: Record<string, string>, { writeId }: DecisionContext): Decision {
  return { kind: "define", definition: { ...definition, cursors, writeId } };
}

/** Up to here every slot of the schedule has its run, milliseconds since 1970. */
function reachedMs(view: JobView, definition: JobDefinition, schedule: string): number {
  return Math.max(cursorMs(definition, schedule), lastSlotMs(view, schedule));
}

/** The last slot of a schedule that a live run stands for, milliseconds since 1970; -Infinity when none does. */
export function lastSlotMs({ runs }: JobView, schedule: string): number {
  return Math.max(...runs.filter(({ slot }) => slot?.schedule === schedule).map(({ slot }) => lastMs(slot)));
}

function cursorMs({ cursors, updatedAt }: JobDefinition, schedule: string): number {
  return Date.parse(cursors?.[schedule] ?? updatedAt);
}

function isRange({ state, slot }: Run): boolean {
  return state === "skipped" && slot?.count !== undefined;
}

function isLatest(view: JobView, { slot }: Run): boolean {
  return slot !== undefined && lastMs(slot) === lastSlotMs(view, slot.schedule);
}

/** The last instant that a run stands for, milliseconds since 1970. */
function lastMs(slot: Run["slot"]): number {
  return Date.parse(slot?.until ?? slot?.at ?? "");
}
