import { z } from "zod";

/** The end of a log as the host knows it: length in bytes after masking, and SHA-256 (hex) when it is known to be all of it. */
export const LogEnd = z.looseObject({
  lengthBytes: z.int().nonnegative(),
  sha256: z.string().optional(),
});
export type LogEnd = z.infer<typeof LogEnd>;

/** A range of bytes `[from, to)`. */
export const ByteRange = z.tuple([z.int().nonnegative(), z.int().nonnegative()]);
export type ByteRange = z.infer<typeof ByteRange>;

/** A kept log. `complete` only when the bytes are gapless and the hash fits; else `missing` says what is not there, where that is known. */
export const StoredLog = z.looseObject({
  lengthBytes: z.int().nonnegative(),
  sha256: z.string().optional(),
  complete: z.boolean(),
  missing: z.array(ByteRange).optional(),
});
export type StoredLog = z.infer<typeof StoredLog>;
