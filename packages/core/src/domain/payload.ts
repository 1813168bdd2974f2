import { z } from "zod";
import { ParameterValues } from "./parameters.ts";

/** The longest script, in bytes of UTF-8. */
export const SCRIPT_MAX_BYTES = 1024 * 1024;

/**
 * A payload longer than this is kept in the artifact store by its hash, not in the record. Quotes and backslashes double
 * as the record is written, and even then it must stay under 32 kB.
 */
export const PAYLOAD_INLINE_MAX_BYTES = 8 * 1024;

/** What the host is to run. Opaque to everything between the submitter and the host. */
export const PayloadContent = z.looseObject({
  v: z.literal(1),
  script: z.string(),
  /** The command line in front of the script file, e.g. `["bash"]`. */
  interpreter: z.array(z.string()).min(1),
  /** With the variables that the parameters became. */
  env: z.record(z.string(), z.string()),
  /** What the run was given, defaults included. */
  parameters: ParameterValues.optional(),
});
export type PayloadContent = z.infer<typeof PayloadContent>;

/**
 * The opaque part of a run: script, parameters and environment as one sequence of bytes, named by its hash, so that it
 * can be signed and sealed as a whole. Short ones sit in the record as `body`; longer ones in the artifact store.
 */
export const Payload = z.looseObject({
  /** `plain`: the bytes are the JSON text of a {@link PayloadContent}. */
  form: z.literal("plain"),
  /** SHA-256 of the bytes, hex. */
  sha256: z.string(),
  sizeBytes: z.int(),
  body: z.string().optional(),
});
export type Payload = z.infer<typeof Payload>;
