import { JobsError, wordsOf, type ErrorCode } from "@jobs/core";
import type { z } from "zod";

/** What a list or an object may have: each wrong entry costs zod an error of its own, a million of them half a minute. */
const ENTRIES_MAX = 1_000;
/** No schema looks deeper into what is sent. */
const DEPTH_MAX = 6;

/** Parses what a client sent; throws a {@link JobsError} that names the first field that is wrong, as `retry.count`. */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const crowded = findCrowded(value);
  if (crowded !== undefined) throw faultIn(value, crowded, notRight(crowded, `more than ${ENTRIES_MAX} entries`));
  const parsed = schema.safeParse(value, { error: wordsOf });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const unrecognised = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const path = [...(issue?.path ?? []), ...unrecognised];
  const why = unrecognised.length > 0 ? "there is no such field" : (issue?.message ?? "unknown");
  if (unrecognised.length > 0) throw new JobsError("invalid-request", notRight(path, why), { field: path.join(".") });
  // A text that is looked for in names is no name.
  const isBound = issue?.code === "too_small" || issue?.code === "too_big";
  if (isBound && path.join(".") === "name")
    throw new JobsError("invalid-request", notRight(path, why), { field: "name" });
  throw faultIn(value, path, issue?.code === "custom" ? issue.message : notRight(path, why));
}

/** The path of a list or an object that has too many entries; made only when there is one, as all that is sent is looked at. */
function findCrowded(value: unknown, depth = 0): readonly string[] | undefined {
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return undefined;
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  let count = 0;
  for (const key of keys) {
    if (++count > ENTRIES_MAX) return [];
    const crowded = findCrowded((value as Record<string, unknown>)[key], depth + 1);
    if (crowded !== undefined) return [String(key), ...crowded];
  }
  return undefined;
}

function notRight(path: readonly PropertyKey[], why: string): string {
  return `${path.length === 0 ? "The request" : `\`${path.join(".")}\``} is not right: ${why}`;
}

function faultIn(value: unknown, path: readonly PropertyKey[], message: string): JobsError {
  const field = path.join(".");
  return new JobsError(codeOf(field, value), message, field === "" ? {} : { field });
}

function codeOf(field: string, value: unknown): ErrorCode {
  switch (field) {
    case "name":
      return "name-invalid";
    case "script":
      return (value as { script?: unknown }).script === undefined ? "script-missing" : "invalid-request";
    case "key":
      return "key-invalid";
    default:
      return "invalid-request";
  }
}
