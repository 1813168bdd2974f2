/** Bytes of a log at their offset. At most {@link CHUNK_MAX_BYTES}. */
export interface LogChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Larger ones make the client library grow its buffers for each. */
export const CHUNK_MAX_BYTES = 64 * 1024;
