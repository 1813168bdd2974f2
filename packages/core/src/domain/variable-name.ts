import { z } from "zod";

/** The name of a variable in a script's environment; those that begin with `JOBS_` are ours. */
export const VariableName = z
  .string()
  .regex(/^(?!JOBS_)[A-Za-z_][A-Za-z0-9_]*$/, "not a name for a variable, or begins with JOBS_");
