import { z } from "zod";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What becomes of a wall clock time that does not exist on a day, because the clocks go forward over it. */
export const GapRule = z.enum(["skip", "before", "after"]);
export type GapRule = z.infer<typeof GapRule>;

/** Which of the two passes counts, when a wall clock time comes twice because the clocks go back. */
export const FoldRule = z.enum(["first", "second", "both"]);
export type FoldRule = z.infer<typeof FoldRule>;

/** What becomes of slots whose time came while nobody could start them. */
export const CatchUp = z.strictObject({
  /** `none`: they are missed; `last`: the latest one is made up for; `all`: the latest `max`. `last` if nobody says. */
  mode: z.enum(["none", "last", "all"], { error: 'catchUp.mode is "none", "last" or "all".' }).optional(),
  /** So many slots `all` makes up for, the latest ones; 10. */
  max: z
    .int({ error: "catchUp.max is a whole number." })
    .min(1, "catchUp.max is at least 1.")
    .max(1_000, "catchUp.max is at most 1,000.")
    .optional(),
  /** A slot that is older than this is missed, milliseconds; 24 hours. */
  withinMs: z
    .int({ error: "catchUp.withinMs is a whole number of milliseconds." })
    .min(SECOND_MS, "catchUp.withinMs is at least 1,000: one second.")
    .max(366 * DAY_MS, "catchUp.withinMs is at most 366 days.")
    .optional(),
});
export type CatchUp = z.infer<typeof CatchUp>;

const INSTANT_FORM = "an instant with seconds and an offset, e.g. 2026-12-01T02:30:00Z or 2026-12-01T02:30:00+01:00";
const isOfOurTime = (text: string): boolean => text >= "1970" && text < "2200";
/** An instant of the years in which schedules are. */
export const scheduleInstant = (field: string): z.ZodISODateTime =>
  z.iso
    .datetime({ offset: true, error: `${field} is ${INSTANT_FORM}.` })
    .refine(isOfOurTime, `${field} is in the years 1970 to 2199.`);

/** A cron pattern is looked at more closely by `findScheduleFault`. */
const cronText = z.string({ error: "cron is a text such as 30 2 * * *." }).max(200, "cron has at most 200 characters.");

/** A time in which no slot has its run, and none is made up for: from one instant to another, or for a while after each time of a pattern. */
export const Blackout = z
  .strictObject({
    from: scheduleInstant("from").optional(),
    /** Exclusive. */
    to: scheduleInstant("to").optional(),
    /** Each time at which it begins, in the zone of the schedule. */
    cron: cronText.optional(),
    /** How long it lasts from there, milliseconds: one second to 31 days. */
    forMs: z
      .int({ error: "forMs is a whole number of milliseconds." })
      .min(SECOND_MS, "forMs is at least 1,000: one second.")
      .max(31 * DAY_MS, "forMs is at most 31 days.")
      .optional(),
  })
  .refine(({ from, to, cron, forMs }) => {
    const isSpan = from !== undefined && to !== undefined && cron === undefined && forMs === undefined;
    return isSpan || (cron !== undefined && forMs !== undefined && from === undefined && to === undefined);
  }, "A blackout is either { from, to } or { cron, forMs }.");
export type Blackout = z.infer<typeof Blackout>;

const Every = z.strictObject({
  ms: z
    .int({ error: "every.ms is a whole number of milliseconds." })
    .min(SECOND_MS, "every.ms is at least 1,000: one second.")
    .max(366 * DAY_MS, "every.ms is at most 366 days."),
});

/** When runs of a job are due. Exactly one of `every`, `cron` and `at`. Docs: `docs/schedules.md`. */
const schedule = z.strictObject({
  /** Unique within the job. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "A schedule's id has up to 40 of a-z, 0-9 and -."),
  /** Evenly, counted from `start`, without one from 1970-01-01T00:00:00Z. */
  every: Every.optional(),
  /** Five fields, six with seconds first, or a macro such as `@daily`. */
  cron: cronText.optional(),
  /** Once: an instant with its offset, or a wall clock time in `zone`. */
  at: z.iso
    .datetime({
      offset: true,
      local: true,
      error: `at is ${INSTANT_FORM}; or a time on the wall clock of zone, e.g. 2026-12-01T02:30.`,
    })
    .refine(isOfOurTime, "at is in the years 1970 to 2199.")
    .optional(),
  /** IANA name; `UTC` if nobody says. */
  zone: z.string({ error: "zone is an IANA name such as Europe/Berlin." }).min(1).max(64).optional(),
  /** `after` if nobody says. */
  gap: GapRule.optional(),
  /** If nobody says: `both` for a pattern whose minutes or seconds begin with `*`, else `first`. */
  fold: FoldRule.optional(),
  catchUp: CatchUp.optional(),
  /** No slot is before it. */
  start: scheduleInstant("start").optional(),
  /** No slot is at it or after it. */
  end: scheduleInstant("end").optional(),
  /** Each slot is due up to this much later, always the same for the same slot, milliseconds; at most 1 hour. */
  jitterMs: z
    .int({ error: "jitterMs is a whole number of milliseconds." })
    .min(0, "jitterMs is not negative.")
    .max(HOUR_MS, "jitterMs is at most 1 hour: 3,600,000.")
    .optional(),
  blackouts: z.array(Blackout).max(20, "A schedule has at most 20 blackouts.").optional(),
  /** Its slots are skipped while this is true. */
  paused: z.boolean({ error: "paused is true or false." }).optional(),
});

/** A schedule as somebody gives it. What this cannot see, `findScheduleFault` does: the zone, the pattern, whether it ever fires. */
export const Schedule = schedule.refine(
  ({ every, cron, at }) => [every, cron, at].filter((one) => one !== undefined).length === 1,
  "A schedule has exactly one of every, cron and at.",
);
export type Schedule = z.infer<typeof Schedule>;

/** A schedule as a record keeps it: what a newer server wrote into it, or into a part of it, stays. */
export const StoredSchedule = schedule.loose().extend({
  every: Every.loose().optional(),
  catchUp: CatchUp.loose().optional(),
  blackouts: z.array(Blackout.loose()).optional(),
});
export type StoredSchedule = z.infer<typeof StoredSchedule>;

/** What holds for slots that nobody could start in time: what the schedule says, else the defaults. */
export function catchUpOf({ catchUp = {} }: Pick<Schedule, "catchUp">): {
  readonly [K in keyof CatchUp]-?: NonNullable<CatchUp[K]>;
} {
  return { mode: catchUp.mode ?? "last", max: catchUp.max ?? 10, withinMs: catchUp.withinMs ?? DAY_MS };
}
