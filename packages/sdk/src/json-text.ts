/** What is asked as JSON, which has no word for some values: they are refused rather than sent as something else. */
import { JobsError } from "@jobs/core";

/** What stands in JSON for a number that is not finite: only where it is the values are looked through. */
const MAYBE_NULL = /[:[,]null/;

/**
 * What is sent, as JSON. Throws `invalid-request` that names the field of a number that is not finite, which would become
 * null, no limit; of a bigint; of what contains itself. Also when there is nothing to send.
 */
export function jsonTextOf(value: object): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    throw unsaid(value, cause);
  }
  if (text === undefined || (MAYBE_NULL.test(text) && pathToUnsaid(value) !== undefined)) throw unsaid(value);
  return text;
}

function unsaid(value: object, cause?: unknown): JobsError {
  const field = pathToUnsaid(value)?.join(".");
  if (field === undefined) return new JobsError("invalid-request", "As JSON there is nothing to send.", { cause });
  const message = `\`${field}\` cannot be sent: a number is finite and no bigint, and nothing contains itself.`;
  return new JobsError("invalid-request", message, { field, cause });
}

/** The path to the first value that JSON has no word for; `around`: the objects that it is in. */
function pathToUnsaid(value: unknown, around: readonly unknown[] = []): readonly string[] | undefined {
  if (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))) return [];
  if (typeof value !== "object" || value === null) return undefined;
  if (around.includes(value)) return [];
  for (const [name, one] of Object.entries(value)) {
    const below = pathToUnsaid(one, [...around, value]);
    if (below !== undefined) return [name, ...below];
  }
  return undefined;
}
