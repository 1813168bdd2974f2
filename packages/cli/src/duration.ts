import { JobsError } from "@jobs/core";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Nothing takes more than a century; from so long before or after now there is always an instant. */
const LONGEST_MS = 36_500 * UNIT_MS.d;

/** Milliseconds of a time as people write it, e.g. `30s`, `5m`, `2h`, `1d`. Throws `invalid-request` that names the field. */
export function durationMsOf(text: string, field: string): number {
  const [, number, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(number) * (UNIT_MS[unit as keyof typeof UNIT_MS] ?? Number.NaN);
  if (ms <= LONGEST_MS) return ms;
  const message = `"${text}" is no time: write a number and a unit, e.g. 30s, 5m, 2h, 1d; at most 36500d.`;
  throw new JobsError("invalid-request", message, { field });
}

/** The same for a limit that may be none: null for `never`. */
export function limitMsOf(text: string, field: string): number | null {
  return text === "never" ? null : durationMsOf(text, field);
}

/** A time as {@link durationMsOf} reads it, in the largest unit of which it is a whole number. */
export function durationTextOf(ms: number): string {
  const [unit, unitMs] = Object.entries(UNIT_MS).findLast(([, one]) => ms % one === 0) ?? ["ms", 1];
  return `${ms / unitMs}${unit}`;
}
