import { z } from "zod";

/** At most so many files of an attempt are kept: their list is part of one message. */
export const ARTIFACTS_MAX = 1_000;

/** A file kept after an attempt. `name` is its path below `$JOBS_OUTPUT`, with `/`. */
export const Artifact = z.looseObject({
  name: z.string().min(1),
  sizeBytes: z.int().nonnegative(),
  /** SHA-256 of the content, hex. */
  sha256: z.string(),
});
export type Artifact = z.infer<typeof Artifact>;
