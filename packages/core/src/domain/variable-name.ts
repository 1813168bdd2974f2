import { z } from "zod";

/** The name of a variable in a script's environment; those that begin with `JOBS_` are ours. */
export const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name has letters, digits and _, and begins with no digit")
  .regex(/^(?!JOBS_)/, "names that begin with JOBS_ are reserved");
