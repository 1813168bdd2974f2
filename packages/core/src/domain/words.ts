/** What is wrong with a value that somebody gave, in words for people, where its schema has none of its own. */
import type { z } from "zod";

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  record: "an object",
  object: "an object",
};
/** What a text or a list has. */
const PARTS: Readonly<Record<string, string>> = { string: "characters", array: "entries" };

/** Undefined: zod's own words do. For `safeParse(value, { error: wordsOf })`. */
export function wordsOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "it is missing" : `it is ${TYPES[issue.expected] ?? `a ${issue.expected}`}`;
    case "too_small":
      return boundOf(issue.origin, "at least", issue.minimum);
    case "too_big":
      return boundOf(issue.origin, "at most", issue.maximum);
    case "invalid_value":
      return issue.values.length === 1
        ? `it is “${String(issue.values[0])}”`
        : `it is one of ${issue.values.join(", ")}`;
    case "invalid_union":
      return Array.isArray(issue["options"]) ? `it is one of ${issue["options"].join(", ")}` : undefined;
    case "invalid_format":
      return issue.format === "datetime" ? "it is an instant such as 2026-12-01T02:30:00Z" : undefined;
    default:
      return undefined;
  }
}

function boundOf(origin: string, bound: string, limit: number | bigint): string {
  const parts = PARTS[origin];
  if (parts === undefined) return `it is ${bound} ${limit}`;
  return limit === 1 && bound === "at least" ? "it is empty" : `it has ${bound} ${limit} ${parts}`;
}
