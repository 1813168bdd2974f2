import { JobsError, type ErrorCode } from "@jobs/core";
import type { z } from "zod";

/** Parses what a client sent; throws a {@link JobsError} that names the first field that is wrong, as `retry.count`. */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const unrecognised = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unrecognised].join(".");
  const message = `${field === "" ? "The request" : `\`${field}\``} is not right: ${issue?.message ?? "unknown"}`;
  throw new JobsError(
    codeOf(field, value),
    issue?.code === "custom" ? issue.message : message,
    field === "" ? {} : { field },
  );
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
