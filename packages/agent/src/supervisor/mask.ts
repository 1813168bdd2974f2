/**
 * The place where secrets are taken out of a log, before its bytes are counted, hashed or written: what is in the
 * spool is what everybody may read.
 *
 * A mask may hold bytes back while they could be the beginning of a secret; `flush` gives them up at the end.
 */
export interface Mask {
  push(bytes: Buffer): Buffer;
  flush(): Buffer;
}

const NOTHING = Buffer.alloc(0);

/** A mask for an attempt without secrets. */
export const openMask: Mask = {
  push: (bytes) => bytes,
  flush: () => NOTHING,
};
