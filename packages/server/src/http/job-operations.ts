/** What the operations on jobs do: their tasks, schedules, policies and pauses. */
import {
  hasEnded,
  instantOf,
  JobsError,
  type JobDefinition,
  type JobView,
  type OperationOutput,
  type Run,
  type Schedule,
  type StoredSchedule,
  type Task,
} from "@jobs/core";
import { decideDefine, type DefinitionChange } from "@jobs/core/decide";
import { findScheduleFault, previewSteps } from "@jobs/core/schedule";
import type { Decided } from "../duties/decided.ts";
import { inTurns } from "../in-turns.ts";
import { listJobs } from "../projection/job-list.ts";
import { whyUncomputable } from "../projection/uncomputable.ts";
import { upcomingOf } from "../projection/upcoming.ts";
import { acceptWork } from "../submission/accept.ts";
import { submitOnce } from "../submission/submit-once.ts";
import { askedDigestOf, taskOf, taskViewOf, workOfTask } from "../submission/task.ts";
import type { Handlers, OperationsOptions } from "./handlers.ts";

type JobHandlers = Pick<
  Handlers,
  | "listJobs"
  | "getJob"
  | "saveJob"
  | "deleteJob"
  | "runJob"
  | "previewSchedule"
  | "pauseJob"
  | "resumeJob"
  | "pauseAll"
  | "resumeAll"
  | "getPause"
>;

/** How long the end of a job's last runs is waited for before its history is deleted, milliseconds. */
const SETTLED_WITHIN_MS = 10_000;
const AGAIN_MS = 100;
/** So many next slots of each schedule a job shows. */
const NEXT_SLOTS = 3;

export function jobHandlers(options: OperationsOptions): JobHandlers {
  const { commands, runs, jobs, presenter, nowMs } = options;
  const viewOf = async (job: string, definition = jobs.findDefinition(job)): Promise<JobView> => {
    const { runs: live } = jobs.view(job);
    const { policy = {}, paused, appliedFrom, updatedAt, updatedBy } = definition ?? {};
    const unreadable = definition === undefined ? undefined : whyUncomputable(definition);
    return {
      job,
      policy,
      ...(unreadable === undefined ? {} : { unreadable }),
      ...(paused === undefined ? {} : { paused }),
      ...(definition?.task === undefined ? {} : { task: await taskViewOf(definition.task, options) }),
      ...(definition?.schedules === undefined ? {} : { schedules: schedulesOf(definition, nowMs()) }),
      ...(appliedFrom === undefined ? {} : { appliedFrom }),
      ...(updatedAt === undefined || updatedBy === undefined ? {} : { updatedAt, updatedBy }),
      runs: live.filter(({ partOf }) => partOf === undefined).map((run) => presenter.present(run)),
    };
  };
  const isKnown = (job: string): boolean => {
    const { runs: live } = jobs.view(job);
    return jobs.findDefinition(job) !== undefined || live.length > 0 || runs.findLatest(job) !== undefined;
  };
  const known = async (job: string): Promise<void> => {
    if (isKnown(job)) return;
    await runs.catchUp(); // another server may have heard of it just now
    if (isKnown(job)) return;
    throw new JobsError("job-unknown", `There is no job “${job}”: nothing of that name has run.`, { field: "name" });
  };
  const getTask = async (job: string): Promise<Task> => {
    await runs.seeAccepted(); // another server may have saved it just now
    const task = jobs.findDefinition(job)?.task;
    if (task !== undefined) return task;
    await known(job);
    const message = `The job “${job}” has no task: save one, or submit a script.`;
    throw new JobsError("task-missing", message, { field: "name" });
  };
  /** What has ended a moment ago comes into the history first. */
  const deleteHistory = async (job: string, by: string): Promise<void> => {
    const untilMs = nowMs() + SETTLED_WITHIN_MS;
    for (;;) {
      try {
        await commands.deleteHistory(job, by);
        return await runs.catchUp();
      } catch (error) {
        const mayPass = error instanceof JobsError && error.code === "job-busy";
        if (!mayPass || nowMs() > untilMs || jobs.view(job).runs.some((run) => !hasEnded(run))) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  };
  /** As far as this server knows: what is said of the job once the change is made. */
  const wouldBe = (job: string, change: DefinitionChange): JobDefinition | undefined => {
    const definition = jobs.findDefinition(job);
    const now = instantOf(nowMs());
    const decision = decideDefine({ job, runs: [], definition }, change, { now, writeId: "" });
    if (decision.kind === "reject") throw decision.error;
    return decision.kind === "define" ? decision.definition : definition;
  };
  const paused = (pause: OperationOutput<"getPause">["paused"]): OperationOutput<"getPause"> =>
    pause === undefined ? {} : { paused: pause };
  return {
    listJobs: (filter) => Promise.resolve({ jobs: listJobs({ jobs, nowMs }, filter) }),
    async getJob({ name }) {
      await known(name);
      return viewOf(name);
    },
    async saveJob({ name, policy, task, schedules, appliedFrom, ifUpdatedAt, dryRun = false }, by) {
      if ([policy, task, schedules, appliedFrom].every((one) => one === undefined)) {
        const message = "Nothing is said of the job: give it a task, schedules or a policy.";
        throw new JobsError("invalid-request", message, { field: "policy" });
      }
      checkSchedules(schedules);
      const takesAway = policy === undefined && !task && !schedules?.length && !appliedFrom;
      if (takesAway) await known(name);
      const change = {
        by,
        ...(policy === undefined ? {} : { policy }),
        ...(task === undefined
          ? {}
          : { task: task === null ? null : await ofField("task", taskOf(task, { ...options, isDryRun: dryRun })) }),
        ...(schedules === undefined ? {} : { schedules }),
        ...(appliedFrom === undefined ? {} : { appliedFrom }),
        ...(ifUpdatedAt === undefined ? {} : { ifUpdatedAt }),
      };
      if (dryRun) return viewOf(name, wouldBe(name, change));
      try {
        await commands.define(name, change);
      } catch (error) {
        // Read here again, it is as it was found to be.
        if (error instanceof JobsError && error.code === "job-changed") await runs.catchUp();
        throw error;
      }
      return viewOf(name);
    },
    async deleteJob({ name, history }, by) {
      await known(name);
      const isAnything = (): boolean =>
        jobs.findDefinition(name) !== undefined || jobs.view(name).runs.some((run) => !hasEnded(run));
      if (!isAnything()) await runs.catchUp(); // another server may have saved it just now
      if (!isAnything() && history === "keep") {
        const message = `Nothing is said of “${name}”: there is only its history, which can be deleted, too.`;
        throw new JobsError("job-unknown", message, { field: "name" });
      }
      await commands.delete(name, by);
      if (history === "delete") await deleteHistory(name, by);
      return { job: name, history };
    },
    async runJob(input, by) {
      const askedDigest = input.key === undefined ? undefined : askedDigestOf(input, options);
      const submit = async (): Promise<Decided> => {
        const { parameters, on, ...asked } = input;
        const work = await workOfTask(await getTask(input.name), { parameters, on }, options);
        const submission = await acceptWork(asked, { work, by }, options);
        return commands.submit(askedDigest === undefined ? submission : { ...submission, askedDigest });
      };
      const isSame = (made: Run): boolean => made.askedDigest === askedDigest;
      const { run, isNew } = await submitOnce(input, { submit, isSame }, options);
      return { run: presenter.present(run), known: !isNew };
    },
    async previewSchedule({ schedule, name, from, count }) {
      checkSchedule(schedule, "schedule");
      const fromMs = from === undefined ? nowMs() : Date.parse(from);
      const slots = await inTurns(previewSteps(schedule, { job: name ?? "", from: fromMs + 1, count }));
      return { slots: [...slots] };
    },
    async pauseJob({ name, note }, by) {
      await known(name);
      await commands.define(name, { by, pause: { note } });
      return viewOf(name);
    },
    async resumeJob({ name }, by) {
      await known(name);
      await commands.define(name, { by, resume: true });
      return viewOf(name);
    },
    pauseAll: async ({ note }, by) => paused(await commands.pauseAll(by, note)),
    resumeAll: async (_, by) => paused(await commands.resumeAll(by)),
    getPause: () => Promise.resolve(paused(jobs.settings.settings.paused)),
  };
}

/** What is wrong with it is wrong with this field of the request. */
async function ofField<T>(name: string, made: Promise<T>): Promise<T> {
  try {
    return await made;
  } catch (error) {
    if (!(error instanceof JobsError) || error.field === undefined) throw error;
    const { code, message, details } = error;
    const field = `${name}.${error.field}`;
    throw new JobsError(code, message, { field, cause: error, ...(details === undefined ? {} : { details }) });
  }
}

/** Throws `invalid-request` that names the field of the first fault. */
function checkSchedules(schedules: readonly StoredSchedule[] = []): void {
  for (const [index, schedule] of schedules.entries()) {
    const field = `schedules.${index}`;
    checkSchedule(schedule, field);
    if (schedules.findIndex(({ id }) => id === schedule.id) === index) continue;
    throw new JobsError("invalid-request", `Two schedules have the id “${schedule.id}”.`, { field: `${field}.id` });
  }
}

/** `at`: the field of the request that it came in. */
function checkSchedule(schedule: Schedule, at: string): void {
  const fault = findScheduleFault(schedule);
  if (fault !== undefined) throw new JobsError("invalid-request", fault.message, { field: `${at}.${fault.field}` });
}

function schedulesOf(definition: JobDefinition, nowMs: number): JobView["schedules"] {
  const { schedules = [], cursors, updatedAt } = definition;
  const isLeftAlone = whyUncomputable(definition) !== undefined;
  return schedules.map((schedule) => ({
    schedule,
    next: isLeftAlone ? [] : [...upcomingOf(definition, schedule, { nowMs, count: NEXT_SLOTS })],
    doneUntil: cursors?.[schedule.id] ?? updatedAt,
  }));
}
