import { JobsError } from "@jobs/core";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a time as people write it, e.g. `30s`, `5m`, `2h`, `1d`. Throws `invalid-request` that names the field. */
export function durationMsOf(text: string, field: string): number {
  const [, number, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (number !== undefined && unit !== undefined) return Number(number) * UNIT_MS[unit as keyof typeof UNIT_MS];
  const message = `"${text}" is no time: write a number and a unit, e.g. 30s, 5m, 2h, 1d.`;
  throw new JobsError("invalid-request", message, { field });
}
