export { FileStore, type FileStoreOptions } from "./file-store.ts";
export { artifactKey, logKey, payloadKey, PAYLOADS_PREFIX, runPrefix } from "./object-keys.ts";
export { verifyGrant, type Grant } from "./signed-url.ts";
export type { ArtifactStore, ObjectFacts } from "./store.ts";
