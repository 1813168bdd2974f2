import type { z } from "zod";
import { JobsError } from "./errors.ts";

/** Reads settings from environment variables; throws `config-invalid` that names the first wrong one. */
export function parseEnvironment<S extends z.ZodType>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = String(issue?.path[0]);
  const message = `${name} is not right: ${issue?.message}. See docs/configuration.md.`;
  throw new JobsError("config-invalid", message, { field: name });
}
