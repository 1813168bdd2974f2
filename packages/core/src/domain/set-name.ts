import { z } from "zod";

/** The name of a set of jobs that are said together, in one file. */
export const SetName = z
  .string()
  .min(1, "A set's name is not empty.")
  .max(64, "A set's name has at most 64 characters.")
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "A set's name has no control characters.");
