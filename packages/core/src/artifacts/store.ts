import type { Transfer } from "../protocol/messages.ts";

/** What is known of an object that is to be put. */
export interface ObjectFacts {
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** Which of the objects right under a prefix are to go. */
export interface Unused {
  /** Those that were neither put nor refreshed since then, milliseconds since 1970 … */
  readonly beforeMs: number;
  /** … and that nobody needs; `name`: the last part of the key. */
  readonly isUsed: (name: string) => boolean;
}

/**
 * Where logs and artifacts are kept: files or S3. An object appears whole or not at all, and is never changed, only removed.
 * Keys are made in `object-keys.ts`.
 */
export interface ArtifactStore {
  /** Keeps the bytes under the key, durably; with `expect`, throws `upload-mismatch` and keeps nothing if they are not those. */
  put(key: string, source: AsyncIterable<Uint8Array>, expect?: ObjectFacts): Promise<ObjectFacts>;
  /** The bytes from an offset on; throws `artifact-unknown`. */
  get(key: string, from?: number): Promise<AsyncIterable<Uint8Array>>;
  /** Size in bytes, or undefined when there is no such object. */
  findSize(key: string): Promise<number | undefined>;
  /** Where an agent may PUT this one object, with this size and hash; for an hour. */
  uploadTo(key: string, facts: ObjectFacts): Promise<Transfer>;
  /** Where an agent may GET this one object; for an hour. */
  downloadFrom(key: string): Promise<Transfer>;
  /** It is still of use, as if it had been put just now; false when there is no such object. */
  refresh(key: string): Promise<boolean>;
  /** Removes objects, never one that is put or refreshed meanwhile; gives how many. */
  removeUnused(prefix: string, unused: Unused): Promise<number>;
  /** Removes every object under a prefix, a whole number of key parts; nothing is there: fine. */
  removeAll(prefix: string): Promise<void>;
  /** A URL that says where the objects under a prefix are, for people. */
  locationOf(prefix: string): string;
}
