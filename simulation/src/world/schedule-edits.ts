/** What somebody makes of the schedules of a job, one edit after the other. */
import type { Schedule } from "@jobs/core";
import type { Random } from "../kernel/random.ts";

const IDS = ["beat", "pulse", "third"];
const SCHEDULES_MAX = 2;
/** By how long it is between two slots, about, seconds. */
const PATTERNS: Readonly<Record<"often" | "seldom", readonly string[]>> = {
  often: ["*/5 * * * * *", "2-59/6 * * * * *", "0,3,15,48 * * * * *"],
  seldom: ["*/20 * * * * *", "7,52 * * * * *", "11 */2 * * * *", "0,30 * * * * *"],
};
const OFTEN_MS = 10_000;

interface EditsOptions {
  readonly random: Random;
  /** Between two slots of the first schedule. */
  readonly everyMs: number;
}

type Edit = (schedule: Schedule, nowMs: number) => Schedule;

export class ScheduleEdits {
  readonly #random: Random;
  readonly #everyMs: number;
  #schedules: readonly Schedule[];
  #removed: Schedule | undefined;

  constructor({ random, everyMs }: EditsOptions) {
    this.#random = random;
    this.#everyMs = everyMs;
    this.#schedules = [{ id: "beat", every: { ms: everyMs }, catchUp: { mode: random.pick(["none", "last", "all"]) } }];
  }

  get schedules(): readonly Schedule[] {
    return this.#schedules;
  }

  /** Makes the next one; gives what it is called. */
  next(nowMs: number): string {
    const random = this.#random;
    const removed = this.#removed;
    if (removed !== undefined && random.chance(0.6)) {
      this.#removed = undefined;
      this.#schedules = [...this.#schedules.filter(({ id }) => id !== removed.id), removed];
      return "added again";
    }
    const dice = random.unit();
    if (this.#schedules.length === 0 || (this.#schedules.length < SCHEDULES_MAX && dice < 0.1)) return this.#add(nowMs);
    const one = random.pick(this.#schedules);
    if (dice < 0.3) {
      this.#removed = one;
      this.#schedules = this.#schedules.filter((other) => other !== one);
      return "removed";
    }
    const what = random.pick(Object.keys(this.#edits));
    const edited = this.#edits[what]?.(one, nowMs) ?? one;
    this.#schedules = this.#schedules.map((other) => (other === one ? edited : other));
    return what;
  }

  #add(nowMs: number): string {
    const id = this.#freeId();
    this.#schedules = [...this.#schedules, this.#retimed({ id, every: { ms: this.#everyMs } }, nowMs)];
    return "added";
  }

  #freeId(): string {
    return this.#random.pick(IDS.filter((id) => this.#schedules.every((other) => other.id !== id)));
  }

  readonly #edits: Readonly<Record<string, Edit>> = {
    retimed: (schedule, nowMs) => this.#retimed(schedule, nowMs),
    "retimed again": (schedule, nowMs) => this.#retimed(schedule, nowMs),
    renamed: (schedule) => ({ ...schedule, id: this.#freeId() }),
    "paused or not": ({ paused, ...schedule }) => (paused === true ? schedule : { ...schedule, paused: true }),
    "blackout or none": ({ blackouts, ...schedule }, nowMs) =>
      blackouts === undefined ? { ...schedule, blackouts: [this.#blackout(nowMs)] } : schedule,
    "caught up with": (schedule) => ({ ...schedule, catchUp: this.#catchUp() }),
    "put off": (schedule) => ({ ...schedule, jitterMs: this.#random.pick([0, 300, 3_000, 20_000]) }),
    ended: (schedule, nowMs) => ({ ...schedule, end: instant(nowMs + this.#random.between(-5_000, 30_000)) }),
  };

  /** With other times. */
  #retimed(schedule: Schedule, nowMs: number): Schedule {
    const random = this.#random;
    const { every: _, cron: _cron, at: _at, start: _start, end: _end, ...kept } = schedule;
    const dice = random.unit();
    if (dice < 0.1) return { ...kept, at: instant(nowMs + random.between(-2_000, 20_000)) };
    if (dice < 0.6) return { ...kept, cron: random.pick(PATTERNS[this.#everyMs < OFTEN_MS ? "often" : "seldom"]) };
    const start = random.chance(0.3) ? { start: instant(nowMs + random.between(-9_000, 9_000)) } : {};
    return { ...kept, every: { ms: this.#everyMs * random.pick([0.5, 1, 1, 1.2]) }, ...start };
  }

  #blackout(nowMs: number): NonNullable<Schedule["blackouts"]>[number] {
    const random = this.#random;
    if (random.chance(0.3)) return { cron: "30 * * * * *", forMs: 15_000 };
    const fromMs = nowMs + random.between(-5_000, 5_000);
    return { from: instant(fromMs), to: instant(fromMs + random.between(5_000, 60_000)) };
  }

  #catchUp(): NonNullable<Schedule["catchUp"]> {
    const random = this.#random;
    const withinMs = random.chance(0.3) ? { withinMs: random.pick([1_000, 30_000]) } : {};
    return { mode: random.pick(["none", "last", "all"]), ...(random.chance(0.3) ? { max: 2 } : {}), ...withinMs };
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
