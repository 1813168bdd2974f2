/** Many submissions in one request: its bounds, and what comes of each. */
import { z } from "zod";
import { RunView } from "./views.ts";

/** Submissions in one request, at most. */
export const BULK_MAX_RUNS = 1_000;
/** A request as a whole, in bytes of JSON: one script of 1 MiB may become six times as long. */
export const REQUEST_MAX_BYTES = 8 * 1024 * 1024;

/** What came of one submission: its run, or the error that it alone would have met. */
export const SubmitResult = z.union([
  z.object({ run: RunView, known: z.boolean() }),
  z.object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      field: z.string().optional(),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
]);
export type SubmitResult = z.infer<typeof SubmitResult>;
