import { z } from "zod";

/** At most so many files of a run are kept: their list is part of one message. */
export const ARTIFACTS_MAX = 1_000;

/** Nor are more names than take so many bytes, as JSON writes them: six for a control character. */
export const ARTIFACT_NAMES_MAX_BYTES = 256 * 1024;

/** A longer file is not kept, however much room there is: one that is nearly all holes would be read and stored for hours. */
export const ARTIFACT_MAX_BYTES = 10 * 1024 ** 3;

/** A file kept after an attempt. `name` is its path below `$JOBS_OUTPUT`, with `/`. */
export const Artifact = z.looseObject({
  name: z.string().min(1),
  sizeBytes: z.int().nonnegative(),
  /** SHA-256 of the content, hex. */
  sha256: z.string(),
});
export type Artifact = z.infer<typeof Artifact>;
